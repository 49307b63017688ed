"""`monoize hosts`: the computers that share a login of a coding CLI, or use the gateway with a key of their own."""

import re
from collections.abc import Callable
from typing import Any, Final

import click

from monoize.cli import ask, find, show
from monoize.cli.api import Json
from monoize.cli.invocation import Invocation
from monoize.cli.values import Matching, limit_option, yes_option
from monoize.cli.verb import RemoteNoun

COLUMNS: Final = ("fqdn", "status", "pool_id", "ip", "client_version", "last_seen_at", "api_calls", "id")
USER_COLUMNS: Final = ("username", "hostname", "first_seen", "last_seen")
_PATH: Final = "/api/fleet/hosts"
_CLEARED: Final[dict[str, Json]] = {
    "effort": {"reasoning_effort_override": None},
    "model": {"model_override": None},
    "tags": {"tags": None},
    "targets": {"allowed_targets": None},
    "user": {"user_id": None},
    "version": {"client_version_override": None},
}

HOST: Final = Matching(
    "host", re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}"), "the name or id of a host", str.lower
)
_TERMS: Final = (
    click.option("--pool", metavar="POOL", help="Whose credential it shares."),
    click.option("--secure/--insecure", "secure", default=None, help="Insecure ones may call in a window only."),
    click.option("--vip/--no-vip", "vip", default=None, help="Whether a spent quota only warns it."),
    click.option("--roaming/--bound", "roaming", default=None, help="Whether it may call from any address."),
    click.option("--temporary/--lasting", "temporary", default=None, help="Forgotten after two silent hours."),
    click.option("--user", metavar="USER", help="Who pays for what it sends through the gateway."),
    click.option("--tag", "tags", multiple=True, help="A word to find it by; repeatable."),
    click.option("--target", "targets", multiple=True, help="The one whose token it gets; repeatable."),
)


def terms_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_TERMS):
        command = option(command)
    return command


@click.group(cls=RemoteNoun)
def hosts() -> None:
    """Computers with a coding CLI. A HOST is a name or an id."""


@hosts.command("list")
@click.option("--pool", metavar="POOL", help="Only those of this pool.")
@click.option("--status", type=click.Choice(["active", "suspended"]))
@click.option("--name", help="Only those with this in their name.")
@click.option("--insecure/--secure", "insecure", default=None, help="Only those that need a window, or none.")
@click.option("--silent", is_flag=True, default=None, help="Only those that were not heard of for a week.")
@click.option("--window-open", is_flag=True, default=None, help="Only insecure ones that may call now.")
@click.option("--behind", is_flag=True, default=None, help="Only those with another credential than their pool's.")
@limit_option
@click.pass_obj
def list_hosts(invocation: Invocation, /, limit: int, **wanted: Any) -> None:
    """Show the newest hosts."""
    show.listing(invocation.api.listing(_PATH, wanted, limit=limit), COLUMNS, as_text=invocation.as_text)


@hosts.command("show")
@click.argument("host", type=HOST)
@click.pass_obj
def show_host(invocation: Invocation, host: str) -> None:
    """Show one host with everything about it."""
    show.thing(invocation.api.get(f"{_PATH}/{host}"), as_text=invocation.as_text)


@hosts.command("users")
@click.argument("host", type=HOST)
@click.pass_obj
def show_users(invocation: Invocation, host: str) -> None:
    """Show who uses the tool there."""
    users = invocation.api.get(f"{_PATH}/{host}/users")["users"]
    show.listing({"items": users, "next_cursor": None}, USER_COLUMNS, as_text=invocation.as_text)


@hosts.command("register")
@click.argument("fqdn", type=HOST)
@terms_options
@click.pass_obj
def register_host(invocation: Invocation, /, fqdn: str, **terms: Any) -> None:
    """Enrol a host, or a known one again with another key. The line to run on it is printed, alone on stdout."""
    body = {"fqdn": fqdn, **_body(invocation, **terms)}
    _installer(invocation, invocation.api.create(_PATH, body))


@hosts.command("rotate")
@click.argument("host", type=HOST)
@click.pass_obj
def rotate_key(invocation: Invocation, host: str) -> None:
    """Give a host another key; the one that it has is refused from now on."""
    _installer(invocation, invocation.api.create(f"{_PATH}/{host}/rotate", {}))


@hosts.command("update")
@click.argument("host", type=HOST)
@terms_options
@click.option("--version", "client_version_override", metavar="VERSION", help="Of the tool, for this host alone.")
@click.option("--model", "model_override", metavar="MODEL", help="That its tool uses.")
@click.option("--effort", "reasoning_effort_override", metavar="EFFORT", help="Of reasoning, such as high.")
@click.option("--window-minutes", "insecure_window_minutes", type=click.IntRange(0, 480))
@click.option("--clear", multiple=True, type=click.Choice(list(_CLEARED)), help="Take a value away; repeatable.")
@click.pass_obj
def update_host(invocation: Invocation, /, host: str, clear: tuple[str, ...], **given: Any) -> None:
    """Change what is given and nothing else."""
    body = _body(invocation, **given)
    for what in clear:
        body |= _CLEARED[what]
    if not body:
        raise click.UsageError("nothing to change was given")
    changed = invocation.api.patch(f"{_PATH}/{host}", body)
    show.thing(changed, as_text=invocation.as_text)
    show.said(f"Updated the host {changed['fqdn']}.")


@hosts.command("suspend")
@click.argument("host", type=HOST)
@click.pass_obj
def suspend_host(invocation: Invocation, host: str) -> None:
    """Refuse a host from now on."""
    name = _done(invocation, host, "suspend")
    show.said(f"Suspended the host {name}: it is refused, and its tool does not start any more.")
    show.said(f"Undo it with `monoize hosts resume {name}`.")


@hosts.command("resume")
@click.argument("host", type=HOST)
@click.pass_obj
def resume_host(invocation: Invocation, host: str) -> None:
    """Serve a suspended host again."""
    show.said(f"Resumed the host {_done(invocation, host, 'resume')}: it is served again.")


@hosts.command("unbind")
@click.argument("host", type=HOST)
@click.pass_obj
def unbind_host(invocation: Invocation, host: str) -> None:
    """Forget the address that a host is bound to; its next call binds it anew."""
    name = _done(invocation, host, "unbind")
    show.said(f"Unbound the host {name}: it may call from a new address, and stays bound to that.")


@hosts.command("clear")
@click.argument("host", type=HOST)
@click.pass_obj
def clear_host(invocation: Invocation, host: str) -> None:
    """Forget what a host holds of its pool's credential."""
    show.said(f"Cleared the host {_done(invocation, host, 'clear')}: its next call begins with nothing.")


@hosts.command("open")
@click.argument("host", type=HOST)
@click.option("--minutes", type=click.IntRange(0, 480), help="As long as the last time when not given.")
@click.pass_obj
def open_window(invocation: Invocation, host: str, minutes: int | None) -> None:
    """Open the window of an insecure host; an open one stays open longer."""
    body = {} if minutes is None else {"minutes": minutes}
    opened = invocation.api.post(f"{_PATH}/{host}/window", body)
    if invocation.json:
        show.as_json(opened)
    show.said(f"{opened['fqdn']} may call until {show.time(opened['insecure_enabled_until'])}.")


@hosts.command("close")
@click.argument("host", type=HOST)
@click.pass_obj
def close_window(invocation: Invocation, host: str) -> None:
    """Close the window of an insecure host."""
    invocation.api.delete(f"{_PATH}/{host}/window")
    show.said(f"{host} may not call until its window is opened again.")


@hosts.command("delete")
@click.argument("host", type=HOST)
@yes_option
@click.pass_obj
def delete_host(invocation: Invocation, host: str, yes: bool) -> None:
    """Delete a host with its key; what it used stays in the books."""
    found = invocation.api.get(f"{_PATH}/{host}")
    ask.confirmed_by_name("host", found["fqdn"], yes=yes)
    invocation.api.delete(f"{_PATH}/{found['id']}")
    show.said(f"Deleted the host {found['fqdn']}. Its courier removes its login at its next call.")


def _body(
    invocation: Invocation, *, user: str | None, tags: tuple[str, ...], targets: tuple[str, ...], **plain: Any
) -> Json:
    given = {
        **plain,
        "user_id": find.user_id(invocation.api, user),
        "tags": list(tags) or None,
        "allowed_targets": list(targets) or None,
    }
    return {field: value for field, value in given.items() if value is not None}


def _done(invocation: Invocation, host: str, verb: str) -> str:
    """The host's name."""
    changed = invocation.api.post(f"{_PATH}/{host}/{verb}")
    if invocation.json:
        show.as_json(changed)
    return str(changed["fqdn"])


def _installer(invocation: Invocation, enrolled: Json) -> None:
    if invocation.json:
        show.as_json(enrolled)
    else:
        click.echo(enrolled["installer"]["command"])
    name, until = enrolled["host"]["fqdn"], show.time(enrolled["installer"]["expires_at"])
    show.said(f"Enrolled the host {name}, id {enrolled['host']['id']}.")
    show.said(f"Run the line above on it, once, before {until}; it holds the way to the host's key.")
