"""`monoize files`: what the fleet's hosts get beside their login: configuration, instructions, prompts, skills."""

from typing import Final

import click

from monoize.cli import ask, show
from monoize.cli.api import Api, Json
from monoize.cli.failure import Failure
from monoize.cli.invocation import Invocation
from monoize.cli.upstreams import given
from monoize.cli.values import limit_option, yes_option
from monoize.cli.verb import RemoteNoun

COLUMNS: Final = ("kind", "name", "pool_id", "revision", "sha256", "updated_at", "id")
KINDS: Final = ("config", "agents", "prompt", "skill")
BODY_MOST_BYTES: Final = 65_536
_PATH: Final = "/api/fleet/files"
_SEARCHED_MOST: Final = 10_000

kind_argument = click.argument("kind", type=click.Choice(KINDS))
name_argument = click.argument("name", required=False)
pool_option = click.option("--pool", metavar="POOL", help="The pool it is for; every pool when not given.")


@click.group(cls=RemoteNoun)
def files() -> None:
    """What hosts get beside their login. A config and agents (instructions) have no NAME, prompts and skills do."""


@files.command("list")
@click.option("--kind", type=click.Choice(KINDS), help="Only those of one kind.")
@click.option("--pool", metavar="POOL", help="Only those of one pool alone.")
@limit_option
@click.pass_obj
def list_files(invocation: Invocation, kind: str | None, pool: str | None, limit: int) -> None:
    """Show the newest files."""
    page = invocation.api.listing(_PATH, {"kind": kind, "pool": pool}, limit=limit)
    show.listing(page, COLUMNS, as_text=invocation.as_text)


@files.command("show")
@kind_argument
@name_argument
@pool_option
@click.pass_obj
def show_file(invocation: Invocation, kind: str, name: str | None, pool: str | None) -> None:
    """Print the text of one; with --json everything about it."""
    found = invocation.api.get(f"{_PATH}/{_existing(invocation.api, kind, name, pool)['id']}")
    if invocation.as_text:
        click.echo(found["body"], nl=False)
    else:
        show.as_json(found)


@files.command("put")
@kind_argument
@name_argument
@click.option(
    "--from",
    "source",
    type=click.Path(dir_okay=False, allow_dash=True),
    required=True,
    help="The file with its text; - is stdin.",
)
@pool_option
@click.option("--description", help="What it is for.")
@click.option("--argument-hint", help="What a prompt wants to be told.")
@click.pass_obj
def put_file(
    invocation: Invocation,
    kind: str,
    name: str | None,
    source: str,
    pool: str | None,
    description: str | None,
    argument_hint: str | None,
) -> None:
    """Let hosts have this text, in place of the one that they have."""
    body = given({"body": _text(source), "description": description, "argument_hint": argument_hint})
    known = _found(invocation.api, kind, name, pool)
    if known is None:
        created = {**body, **given({"kind": kind, "name": name, "pool": pool})}
        file = invocation.api.create(_PATH, created)
    else:
        file = invocation.api.patch(f"{_PATH}/{known['id']}", {**body, "revision": known["revision"]})
    show.thing({field: value for field, value in file.items() if field != "body"}, as_text=invocation.as_text)
    show.said(f"Revision {file['revision']} reaches each host with its next sync.")


@files.command("delete")
@kind_argument
@name_argument
@pool_option
@yes_option
@click.pass_obj
def delete_file(invocation: Invocation, kind: str, name: str | None, pool: str | None, yes: bool) -> None:
    """Take one away from every host that has it unchanged."""
    found = _existing(invocation.api, kind, name, pool)
    ask.confirmed_by_name("file", found["name"], yes=yes)
    invocation.api.delete(f"{_PATH}/{found['id']}")
    show.said(f"Deleted {_shown(kind, name)}. Hosts lose it with their next sync.")


def _found(api: Api, kind: str, name: str | None, pool: str | None) -> Json | None:
    wanted = {"kind": kind, "name": name or kind, "pool": pool}
    for file in api.items(_PATH, wanted, limit=_SEARCHED_MOST):
        if pool is not None or file["pool_id"] is None:
            return file
    return None


def _existing(api: Api, kind: str, name: str | None, pool: str | None) -> Json:
    found = _found(api, kind, name, pool)
    if found is None:
        where = f"for the pool {pool}" if pool else "for every pool"
        raise Failure(f"there is no {_shown(kind, name)} {where}", hint="`monoize files list` shows them.")
    return found


def _shown(kind: str, name: str | None) -> str:
    return f"{kind} {name}" if name else kind


def _text(source: str) -> str:
    try:
        with click.open_file(source, "rb") as file:
            data: bytes = file.read(BODY_MOST_BYTES + 1)
    except OSError as problem:
        raise click.UsageError(f"cannot read {source}: {problem.strerror}") from problem
    if len(data) > BODY_MOST_BYTES:
        raise click.UsageError(f"a file has at most {BODY_MOST_BYTES} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise click.UsageError("a file is text in UTF-8") from None
