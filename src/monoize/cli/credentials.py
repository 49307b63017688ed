"""`monoize credentials`: the login that the hosts of a pool share, and what became of it over time."""

import json
from typing import Any, Final

import click

from monoize.cli import ask, show
from monoize.cli.api import Json
from monoize.cli.invocation import Invocation
from monoize.cli.pools import POOL
from monoize.cli.values import limit_option, yes_option
from monoize.cli.verb import RemoteNoun

COLUMNS: Final = ("id", "origin", "last_refresh", "digest", "source_host_id", "created_at")
DIFFERENCE_COLUMNS: Final = ("pointer", "change", "before", "after")
FILE_BYTES_MOST: Final = 262_144
_DIGEST_CHARS: Final = 12

pool_argument: Final = click.argument("pool", type=POOL)
payload_argument: Final = click.argument("payload", type=click.IntRange(min=1))


@click.group(cls=RemoteNoun)
def credentials() -> None:
    """The login that a pool shares. A POOL is a name or an id, a PAYLOAD an id out of its history."""


@credentials.command("show")
@pool_argument
@click.pass_obj
def show_standing(invocation: Invocation, pool: str) -> None:
    """Show what counts now, and how many hosts have it."""
    found = invocation.api.get(_path(pool))
    if invocation.as_text:
        canonical = found.pop("canonical") or {}
        found |= {f"canonical_{name}": value for name, value in canonical.items()}
    show.thing(found, as_text=invocation.as_text)


@credentials.command("history")
@pool_argument
@limit_option
@click.pass_obj
def show_history(invocation: Invocation, pool: str, limit: int) -> None:
    """Show which documents there were, the newest first."""
    page = invocation.api.listing(f"{_path(pool)}/payloads", {}, limit=limit)
    if invocation.as_text:
        page = {**page, "items": [_short(payload) for payload in page["items"]]}
    show.listing(page, COLUMNS, as_text=invocation.as_text)


@credentials.command("inspect")
@pool_argument
@payload_argument
@click.pass_obj
def inspect(invocation: Invocation, pool: str, payload: int) -> None:
    """Show a document value by value, with marks in place of secrets."""
    found = invocation.api.get(f"{_path(pool)}/payloads/{payload}")
    show.thing(found["values"] if invocation.as_text else found, as_text=invocation.as_text)


@credentials.command("diff")
@pool_argument
@click.argument("before", type=click.IntRange(min=1))
@click.argument("after", type=click.IntRange(min=1))
@click.pass_obj
def compare(invocation: Invocation, pool: str, before: int, after: int) -> None:
    """Show what changed between two documents, with marks in place of secrets."""
    found = invocation.api.get(f"{_path(pool)}/diff", {"before": before, "after": after})
    if not invocation.as_text:
        show.as_json(found)
        return
    rows = [[show.value(name, each[name]) for name in DIFFERENCE_COLUMNS] for each in found["differences"]]
    show.table(list(DIFFERENCE_COLUMNS), rows)


@credentials.command("reveal")
@pool_argument
@payload_argument
@click.pass_obj
def reveal(invocation: Invocation, pool: str, payload: int) -> None:
    """Print a document with its secrets, alone on stdout. That it was read is written down."""
    found = invocation.api.post(f"{_path(pool)}/payloads/{payload}/reveal")
    if invocation.as_text:
        click.echo(found["document"])
    else:
        show.as_json(found)


@credentials.command("upload")
@pool_argument
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
@click.option("--force", is_flag=True, help="Also in place of a newer one, or of one that is broken.")
@click.pass_obj
def upload(invocation: Invocation, pool: str, file: str, force: bool) -> None:
    """Let the login in this file count from now on; - is stdin."""
    stored = invocation.api.create(_path(pool), {"auth": _document(file), "force": force})
    show.thing(_short(stored["payload"]) if invocation.as_text else stored, as_text=invocation.as_text)
    if stored["status"] == "unchanged":
        show.said("That is the login that counts already.")
    else:
        show.said("Every host of the pool gets it with its next sync.")


@credentials.command("rollback")
@pool_argument
@payload_argument
@click.pass_obj
def roll_back(invocation: Invocation, pool: str, payload: int) -> None:
    """Let an earlier document count again."""
    now = invocation.api.create(f"{_path(pool)}/rollback", {"payload_id": payload})
    show.thing(_short(now) if invocation.as_text else now, as_text=invocation.as_text)
    show.said("Every host of the pool gets it with its next sync.")


@credentials.command("forget")
@pool_argument
@payload_argument
@yes_option
@click.pass_obj
def forget(invocation: Invocation, pool: str, payload: int, yes: bool) -> None:
    """Delete an earlier document for good."""
    ask.confirmed_by_name("document", str(payload), yes=yes)
    invocation.api.delete(f"{_path(pool)}/payloads/{payload}")
    show.said(f"Deleted the document {payload}.")


@credentials.command("seed")
@pool_argument
@click.pass_obj
def offer_seed(invocation: Invocation, pool: str) -> None:
    """Print a command that hands over the login of the computer on which it is run, once."""
    link = invocation.api.create(f"{_path(pool)}/seed-links", {})
    if invocation.as_text:
        click.echo(link["command"])
    else:
        show.as_json(link)
    show.said(f"Run it where the login is, before {show.time(link['expires_at'])}.")


@credentials.command("validate")
@pool_argument
@click.pass_obj
def ask_for_validation(invocation: Invocation, pool: str) -> None:
    """Have the login tried out, whether that is due or not."""
    earlier = invocation.api.post(f"{_path(pool)}/validation")
    show.thing(earlier, as_text=invocation.as_text)
    show.said("It is tried out within a minute; these are the results so far.")


@credentials.command("refresh")
@pool_argument
@click.pass_obj
def ask_for_refresh(invocation: Invocation, pool: str) -> None:
    """Have the hub renew the login, whether that is due or not."""
    asked = invocation.api.post(f"{_path(pool)}/refresh")
    if not invocation.as_text:
        show.as_json(asked)
    show.said("The hub renews it within seconds; `monoize credentials history` shows what came of it.")


def _path(pool: str) -> str:
    return f"/api/fleet/credentials/{pool}"


def _short(payload: Json) -> Json:
    return {**payload, "digest": payload["digest"][:_DIGEST_CHARS]}


def _document(file: str) -> Any:
    try:
        with click.open_file(file, "rb") as opened:
            content = opened.read(FILE_BYTES_MOST + 1)
        if len(content) > FILE_BYTES_MOST:
            raise click.UsageError(f"the file of a login has at most {FILE_BYTES_MOST} bytes")
        document = json.loads(content)
    except OSError as problem:
        raise click.UsageError(f"cannot read {file}: {problem.strerror}") from problem
    except (ValueError, RecursionError):
        raise click.UsageError("the file of a login is JSON") from None
    if not isinstance(document, dict):
        raise click.UsageError("the file of a login is an object of JSON")
    return document
