"""`monoize secrets`: the sealed variables of a service, and the key that all secrets are sealed with."""

import sys
from pathlib import Path
from typing import Final

import click

from monoize.cli import ask, find, show
from monoize.cli.api import Json
from monoize.cli.invocation import Invocation
from monoize.cli.services import service_argument
from monoize.cli.values import config_option, yes_option
from monoize.cli.verb import LocalVerb, RemoteNoun
from monoize.cli.watching import watched

COLUMNS: Final = ("key", "value", "is_secret", "version", "updated_at")
ENV_COLUMNS: Final = ("key", "value", "origin", "overrides")
VALUE_MOST_BYTES: Final = 32_768

public_option = click.option("--public", is_flag=True, help="No secret: it may be shown again.")
redeploy_option = click.option("--redeploy", is_flag=True, help="Deploy a release that has it, and watch.")


@click.group(cls=RemoteNoun)
def secrets() -> None:
    """Variables of a service that are sealed. A release gets them when it is made."""


@secrets.command("list")
@service_argument
@click.pass_obj
def list_secrets(invocation: Invocation, service: str) -> None:
    """Show the names and versions; what is secret is masked."""
    found = invocation.api.get(f"/api/services/{find.service_id(invocation.api, service)}/secrets")
    _all(invocation, found, COLUMNS)


@secrets.command("env")
@service_argument
@click.pass_obj
def show_env(invocation: Invocation, service: str) -> None:
    """Show all that the next release finds in its environment, and where each value comes from."""
    found = invocation.api.get(f"/api/services/{find.service_id(invocation.api, service)}/env")
    _all(invocation, found, ENV_COLUMNS)


@secrets.command("set")
@service_argument
@click.argument("key")
@public_option
@redeploy_option
@click.pass_obj
def set_secret(invocation: Invocation, service: str, key: str, public: bool, redeploy: bool) -> None:
    """Give a variable the value that is read from stdin, without the line end behind it."""
    found = find.service_id(invocation.api, service)
    values = {key: {"value": value_from_stdin(key), "is_secret": not public}}
    _put(invocation, found, {"values": values, "redeploy": redeploy})


@secrets.command("import")
@service_argument
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
@click.option("--replace", is_flag=True, help="Delete the variables that the file does not name.")
@public_option
@redeploy_option
@click.pass_obj
def import_secrets(
    invocation: Invocation, service: str, file: str, replace: bool, public: bool, redeploy: bool
) -> None:
    """Set the variables of a file with lines KEY=VALUE; - is stdin. All of them or none."""
    found = find.service_id(invocation.api, service)
    values = {key: {"value": value, "is_secret": not public} for key, value in lines_of(file).items()}
    _put(invocation, found, {"values": values, "replace": replace, "redeploy": redeploy})


@secrets.command("delete")
@service_argument
@click.argument("key")
@yes_option
@click.pass_obj
def delete_secret(invocation: Invocation, service: str, key: str, yes: bool) -> None:
    """Delete a variable with all its versions. Releases that have it keep it."""
    ask.confirmed_by_name("variable", key, yes=yes)
    invocation.api.delete(f"/api/services/{find.service_id(invocation.api, service)}/secrets/{key}")
    show.said(f"Deleted {key}. The next release is made without it.")


@secrets.command("versions")
@service_argument
@click.argument("key")
@click.pass_obj
def list_versions(invocation: Invocation, service: str, key: str) -> None:
    """Show which values of a variable are kept."""
    found = find.service_id(invocation.api, service)
    listed = invocation.api.get(f"/api/services/{found}/secrets/{key}/versions")
    _all(invocation, listed, ("version", "created_by", "created_at"))


@secrets.command("restore")
@service_argument
@click.argument("key")
@click.argument("version", type=click.IntRange(1))
@click.pass_obj
def restore_version(invocation: Invocation, service: str, key: str, version: int) -> None:
    """Make an earlier value the newest version."""
    found = find.service_id(invocation.api, service)
    restored = invocation.api.post(f"/api/services/{found}/secrets/{key}/restore", {"version": version})
    show.thing(restored, as_text=invocation.as_text)
    show.said(f"Version {restored['version']} is what version {version} was. The next release gets it.")


@secrets.command("rotate-master", cls=LocalVerb)
@click.option("--key-stdin", is_flag=True, help="Read the new key from stdin: base64 of 32 bytes.")
@config_option
@click.pass_obj
def rotate_master(invocation: Invocation, key_stdin: bool, config: Path | None) -> None:
    """Exchange the master key of this machine's Monoize and seal all secrets anew. Stop `monoize serve` first."""
    import asyncio

    from monoize.infra.settings import load
    from monoize.main import master_key

    given = ask.first_line("new master key") if key_stdin else None
    done = asyncio.run(master_key.rotate(load(file=config).settings, given))
    if invocation.json:
        show.as_json({"key_id": done.key_id, "values": done.values, "file": str(done.file) if done.file else None})
    show.said(f"Sealed {done.values} values anew with the key {done.key_id}.")
    if done.file:
        show.said(f"The new key is in {done.file}, the old one beside it as {done.file.name}.previous.")
        show.said("Keep the old one as long as backups from before are kept, then delete it.")
    else:
        show.said("Put the new key into MONOIZE_MASTER_KEY before Monoize is started again.")
    show.said("Servers on other machines need the new key, too; one with the old key changes nothing any more.")


def value_from_stdin(key: str) -> str:
    """All of stdin but one line end, which most programs add; asked for where a person sits at a terminal."""
    if sys.stdin.isatty():
        typed: str = click.prompt(f"The value of {key}", hide_input=True, err=True)
        return typed
    return _decoded(sys.stdin.buffer.read(VALUE_MOST_BYTES + 3), "stdin").removesuffix("\n").removesuffix("\r")


def _put(invocation: Invocation, service_id: int, body: Json) -> None:
    done = invocation.api.put(f"/api/services/{service_id}/secrets", body)
    if invocation.json:
        show.as_json(done)
    told = [f"{len(done[what])} {what}" for what in ("added", "changed", "unchanged", "removed") if done[what]]
    show.said(f"Variables: {', '.join(told)}.")
    if body["redeploy"] and done["deployment_id"] is not None:
        ended = watched(invocation.api, f"/api/deployments/{done['deployment_id']}")
        show.said(f"The deployment ended as {ended['status']}.")
    elif done["added"] or done["changed"] or done["removed"]:
        show.said("The next release gets them: `monoize deploy SERVICE` makes one.")


def _all(invocation: Invocation, items: list[Json], columns: tuple[str, ...]) -> None:
    if invocation.json:
        show.as_json(items)
    else:
        show.listing({"items": items, "next_cursor": None}, columns, as_text=True)


def lines_of(file: str) -> dict[str, str]:
    """KEY=VALUE each; empty lines and those that begin with # are left out, quotes around a value as well."""
    try:
        with click.open_file(file, "rb") as opened:
            text = _decoded(opened.read(VALUE_MOST_BYTES * 8 + 1), file, VALUE_MOST_BYTES * 8)
    except OSError as problem:
        raise click.UsageError(f"cannot read {file}: {problem.strerror}") from problem
    values: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        key, equals, value = line.removeprefix("export ").partition("=")
        if not equals:
            raise click.UsageError(f"{file}, line {number}: write KEY=VALUE")
        value = value.strip()
        if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        values[key.strip()] = value
    if not values:
        raise click.UsageError(f"{file} names no variable")
    return values


def _decoded(data: bytes, what: str, most: int = VALUE_MOST_BYTES) -> str:
    if len(data) > most:
        raise click.UsageError(f"{what} holds more than {most} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise click.UsageError(f"{what} is not valid UTF-8") from None
