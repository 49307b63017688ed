"""`monoize providers test` and `discover`: upstreams asked by the server, with the keys that it has."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click

from monoize.cli import find, show, upstreams
from monoize.cli.api import Json
from monoize.cli.failure import Exit, Failure
from monoize.cli.invocation import Invocation
from monoize.cli.upstreams import base_url_option, key_options, type_option
from monoize.cli.verb import RemoteVerb

COLUMNS: Final = ("channel", "success", "model", "latency_ms", "error")

channel_option = click.option("--channel", metavar="CHANNEL", help="Only this one; all of them when not given.")


@click.command("test", cls=RemoteVerb)
@click.argument("provider")
@channel_option
@click.option("--model", metavar="MODEL", help="As callers know it; the first by name when not given.")
@click.pass_obj
def test(invocation: Invocation, provider: str, channel: str | None, model: str | None) -> None:
    """Send a tiny request to its channels; exit with 1 if one does not answer."""
    owner = find.provider(invocation.api, provider)
    found = [_tested(invocation, owner, each, model) for each in _channels(owner, channel)]
    show.listing({"items": found, "next_cursor": None}, COLUMNS, as_text=invocation.as_text)
    broken = [each["channel"] for each in found if not each["success"]]
    if broken:
        raise Failure(f"{len(broken)} of {len(found)} channels did not answer: {', '.join(broken)}", exit=Exit.NO)


@click.command("discover", cls=RemoteVerb)
@click.argument("provider", required=False)
@channel_option
@click.option("--preset", metavar="PRESET", help="A well-known upstream instead of a PROVIDER.")
@type_option
@base_url_option
@key_options
@click.pass_obj
def discover(
    invocation: Invocation,
    /,
    provider: str | None,
    channel: str | None,
    preset: str | None,
    key_stdin: bool,
    key_file: Path | None,
    **given: Any,
) -> None:
    """List the models that a PROVIDER says it has, or an upstream that is not set up yet."""
    if provider:
        if preset or key_stdin or key_file or any(given.values()):
            raise click.UsageError("a PROVIDER is asked with its own address and key")
        owner = find.provider(invocation.api, provider)
        answers = [invocation.api.post(f"{_path(owner, each)}/discover") for each in _channels(owner, channel)]
        offered = {model["name"] for each in (owner, *owner["channels"]) for model in each["models"]}
        names = sorted({name for answer in answers for name in answer["models"]})
    else:
        known = upstreams.preset(invocation, preset) if preset else {}
        body = {name: given[name] or known.get(name) for name in ("type", "base_url")}
        if None in body.values():
            raise click.UsageError("name a PROVIDER, a --preset, or a --type and a --base-url")
        key = upstreams.key(key_stdin=key_stdin, key_file=key_file)
        names = invocation.api.post("/api/providers/discover", upstreams.given({**body, "api_key": key}))["models"]
        offered = set()
    if invocation.json:
        show.as_json({"models": names})
        return
    for name in names:
        click.echo(show.clean(name))
    new = sum(name not in offered for name in names)
    show.said(f"{len(names)} models" + (f", {new} of them are not offered yet." if provider else "."))


def _channels(owner: Json, wanted: str | None) -> Iterator[Json]:
    if wanted:
        yield find.channel(owner, wanted)
    elif owner["channels"]:
        yield from owner["channels"]
    else:
        raise Failure(f"{owner['name']} has no channels", hint="Add one with `monoize channels add`.")


def _tested(invocation: Invocation, owner: Json, channel: Json, model: str | None) -> Json:
    found: Json = invocation.api.post(f"{_path(owner, channel)}/test", upstreams.given({"model": model}))
    return {"channel": channel["name"], **found}


def _path(owner: Json, channel: Json) -> str:
    return f"/api/providers/{owner['id']}/channels/{channel['id']}"
