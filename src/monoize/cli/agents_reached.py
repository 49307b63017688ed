"""`monoize agents health|configure|write|restart`: an agent on its machine, reached through the server."""

import json
from typing import Final

import click

from monoize.cli import find, show
from monoize.cli.agents import wait_option
from monoize.cli.invocation import Invocation
from monoize.cli.operations import follow

FILES: Final = ("AGENTS.md", "SOUL.md", "IDENTITY.md")


@click.command("health")
@click.argument("agent")
@click.pass_obj
def health(invocation: Invocation, agent: str) -> None:
    """Ask an agent whether it is well."""
    show.thing(invocation.api.get(f"{_of(invocation, agent)}/health"), as_text=invocation.as_text)


@click.command("configure")
@click.argument("agent")
@click.argument("patch", type=click.Path(dir_okay=False, allow_dash=True))
@click.pass_obj
def configure(invocation: Invocation, agent: str, patch: str) -> None:
    """Push a patch of its configuration, a JSON object in a file or on stdin (-)."""
    try:
        document = json.loads(_read(patch))
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or not document:
        raise click.UsageError("a patch is one JSON object that is not empty")
    show.thing(
        invocation.api.put(f"{_of(invocation, agent)}/config", {"patch": document}), as_text=invocation.as_text
    )
    show.said("Pushed the patch.")


@click.command("write")
@click.argument("agent")
@click.argument("name", type=click.Choice(FILES))
@click.argument("content", type=click.Path(dir_okay=False, allow_dash=True))
@click.pass_obj
def write(invocation: Invocation, agent: str, name: str, content: str) -> None:
    """Write one of the files that say what it is, from a file or from stdin (-)."""
    try:
        text = _read(content).decode()
    except UnicodeDecodeError:
        raise click.UsageError("the content is not valid UTF-8") from None
    answer = invocation.api.put(f"{_of(invocation, agent)}/workspace/{name}", {"content": text})
    show.thing(answer, as_text=invocation.as_text)
    show.said(f"Wrote {name}.")


@click.command("restart")
@click.argument("agent")
@wait_option
@click.pass_obj
def restart(invocation: Invocation, agent: str, wait: bool) -> None:
    """Stop its machine and start it again."""
    asked = invocation.api.post(f"{_of(invocation, agent)}/restart", {})
    show.thing(asked["machine"] if invocation.as_text else asked, as_text=invocation.as_text)
    if wait:
        follow(invocation.api, asked["operation"]["id"])
    else:
        show.said(f"Follow it with `monoize operations follow {asked['operation']['id']}`.")


def _read(file: str) -> bytes:
    try:
        with click.open_file(file, "rb") as opened:
            content: bytes = opened.read()
            return content
    except OSError as problem:
        raise click.UsageError(f"{file}: {problem.strerror}") from problem


def _of(invocation: Invocation, agent: str) -> str:
    return f"/api/agents/{find.agent(invocation.api, agent)['id']}"
