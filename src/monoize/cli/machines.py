"""`monoize machines`: what agents run on."""

import re
from typing import Any, Final

import click

from monoize.cli import ask, find, show
from monoize.cli.api import Json
from monoize.cli.invocation import Invocation
from monoize.cli.operations import follow
from monoize.cli.values import Matching, limit_option, yes_option
from monoize.cli.verb import RemoteNoun

COLUMNS: Final = ("name", "provider", "state", "desired", "observed", "error", "created_at", "id")
ORPHAN_COLUMNS: Final = ("provider", "provider_id", "name", "said", "created_at", "because")
STATES: Final = ("provisioning", "running", "stopped", "destroyed")
_PATH: Final = "/api/vpses"

MACHINE: Final = Matching(
    "machine", re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"), "the id of a machine", str.lower
)
wait_option = click.option("--wait", is_flag=True, help="Show the steps until it is done.")


@click.group(cls=RemoteNoun)
def machines() -> None:
    """What agents run on. A MACHINE is an id."""


@machines.command("list")
@click.option("--user", metavar="USER", help="Whose, by username or id, if not one's own.")
@click.option("--everybody", is_flag=True, help="All users' machines.")
@click.option("--state", type=click.Choice(STATES), help="Only those that are in this state.")
@limit_option
@click.pass_obj
def list_machines(invocation: Invocation, user: str | None, everybody: bool, state: str | None, limit: int) -> None:
    """Show the newest machines."""
    wanted: dict[str, Any] = {
        "user_id": find.user_id(invocation.api, user),
        "everybody": everybody or None,
        "state": state,
    }
    show.listing(invocation.api.listing(_PATH, wanted, limit=limit), COLUMNS, as_text=invocation.as_text)


@machines.command("show")
@click.argument("machine", type=MACHINE)
@click.pass_obj
def show_machine(invocation: Invocation, machine: str) -> None:
    """Show one machine."""
    show.thing(invocation.api.get(f"{_PATH}/{machine}"), as_text=invocation.as_text)


@machines.command("start")
@click.argument("machine", type=MACHINE)
@wait_option
@click.pass_obj
def start(invocation: Invocation, machine: str, wait: bool) -> None:
    """Let it run, also after plan and budget had stopped it."""
    _asked(invocation, invocation.api.post(f"{_PATH}/{machine}/start"), "runs", wait=wait)


@machines.command("stop")
@click.argument("machine", type=MACHINE)
@wait_option
@click.pass_obj
def stop(invocation: Invocation, machine: str, wait: bool) -> None:
    """Let it stand still. At some providers it costs as much as before until it is destroyed."""
    _asked(invocation, invocation.api.post(f"{_PATH}/{machine}/stop"), "stands still", wait=wait)


@machines.command("restart")
@click.argument("machine", type=MACHINE)
@wait_option
@click.pass_obj
def restart(invocation: Invocation, machine: str, wait: bool) -> None:
    """Stop it and start it again."""
    _asked(invocation, invocation.api.post(f"{_PATH}/{machine}/restart"), "runs again", wait=wait)


@machines.command("destroy")
@click.argument("machine", type=MACHINE)
@yes_option
@wait_option
@click.pass_obj
def destroy(invocation: Invocation, machine: str, yes: bool, wait: bool) -> None:
    """Take it away with all that is on it. Its agent stays and may be given another one."""
    if not yes:
        name = invocation.api.get(f"{_PATH}/{machine}")["name"]
        ask.confirmed_by_name("machine", name, yes=yes)
    _asked(invocation, invocation.api.delete(f"{_PATH}/{machine}"), "is gone", wait=wait)


@machines.command("orphans")
@click.pass_obj
def list_orphans(invocation: Invocation) -> None:
    """Show machines of ours at providers that nobody here knows of. They cost money; nothing deletes them."""
    found = invocation.api.get(f"{_PATH}/orphans")
    if invocation.json:
        show.as_json(found)
    else:
        show.listing({"items": found["items"], "next_cursor": None}, ORPHAN_COLUMNS, as_text=True)
    for unanswered in found["unanswered"]:
        show.said(f"Nothing is known of {unanswered['provider']}: {unanswered['problem']}")


def _asked(invocation: Invocation, asked: Json, becomes: str, *, wait: bool) -> None:
    machine, operation = asked["machine"], asked["operation"]
    if operation is not None and wait:
        asked = {**asked, "operation": follow(invocation.api, operation["id"])}
    if invocation.json:
        show.as_json(asked)
    if operation is None:
        show.said(f"{machine['name']} {becomes} already.")
    elif wait:
        show.said(f"{machine['name']} {becomes}.")
    else:
        show.said(f"Begun; see how it goes with `monoize operations follow {operation['id']}`.")
