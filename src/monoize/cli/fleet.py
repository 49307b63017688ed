"""`monoize fleet`: what holds for all hosts at once."""

from typing import Any, Final

import click

from monoize.cli import show
from monoize.cli.invocation import Invocation
from monoize.cli.verb import RemoteNoun

_SWITCHES: Final = "/api/fleet/switches"
_VERSIONS: Final = "/api/fleet/versions"


@click.group(cls=RemoteNoun)
def fleet() -> None:
    """All hosts at once: whether they are served, and which version of the tool they run."""


@fleet.command("status")
@click.pass_obj
def show_status(invocation: Invocation) -> None:
    """Show what holds for all hosts."""
    show.thing(invocation.api.get(_SWITCHES), as_text=invocation.as_text)


@fleet.command("stop")
@click.pass_obj
def stop(invocation: Invocation) -> None:
    """Serve no host any more, within a second; tools that they guard do not start meanwhile."""
    _switched(invocation, disabled=True)
    show.said("No host is served. Undo it with `monoize fleet start`.")


@fleet.command("start")
@click.pass_obj
def start(invocation: Invocation) -> None:
    """Serve hosts again."""
    _switched(invocation, disabled=False)
    show.said("Hosts are served.")


@fleet.command("publish")
@click.argument("version", required=False)
@click.option("--lock", is_flag=True, help="Hosts run just this one, also if theirs is newer.")
@click.option("--withdraw", is_flag=True, help="Take back what was published, or with --lock the lock.")
@click.pass_obj
def publish_version(invocation: Invocation, version: str | None, lock: bool, withdraw: bool) -> None:
    """Offer a version of the tool to all hosts whose pool or whose own terms say nothing else."""
    if (version is None) != withdraw:
        raise click.UsageError("name a VERSION, or --withdraw the one that was named")
    body: dict[str, Any] = {"client_lock" if lock else "client_available": version}
    show.thing(invocation.api.patch(_VERSIONS, body), as_text=invocation.as_text)
    show.said("Hosts hear of it with their next call.")


def _switched(invocation: Invocation, *, disabled: bool) -> None:
    published = invocation.api.put(_SWITCHES, {"api_disabled": disabled})
    if invocation.json:
        show.as_json(published)
