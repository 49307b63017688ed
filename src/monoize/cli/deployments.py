"""`monoize deploy`, `releases`, `rollback` and `deployments`: what runs of a service, and what ran before."""

from typing import Any, Final

import click

from monoize.cli import find, show
from monoize.cli.api import Json
from monoize.cli.failure import Exit, Failure
from monoize.cli.invocation import Invocation
from monoize.cli.values import limit_option
from monoize.cli.verb import RemoteNoun, RemoteVerb
from monoize.cli.watching import watched

COLUMNS: Final = ("id", "service_id", "kind", "status", "image", "error_code", "created_at", "finished_at")
RELEASE_COLUMNS: Final = ("number", "live", "can_roll_back", "image", "changes", "created_at")
_NUMBER: Final = click.IntRange(1, 2**31 - 1)
ID: Final = click.IntRange(1, 2**63 - 1)

wait_option: Final = click.option(
    "--wait/--no-wait", default=True, show_default=True, help="Watch until it is live or has failed."
)


@click.command("deploy", cls=RemoteVerb)
@click.argument("service", metavar="SERVICE")
@click.option("--image", help="Another image than the service has.")
@click.option("--reason", help="Why, for those who look at it later.")
@wait_option
@click.pass_obj
def deploy(invocation: Invocation, service: str, image: str | None, reason: str | None, wait: bool) -> None:
    """Make a release of a service as it is now, and let it take over. SERVICE is PROJECT/NAME or an id."""
    found = find.service_id(invocation.api, service)
    asked = invocation.api.create(f"/api/services/{found}/deployments", _given(image=image, reason=reason))
    _follow(invocation, asked, wait)


@click.command("rollback", cls=RemoteVerb)
@click.argument("service", metavar="SERVICE")
@click.argument("release", type=_NUMBER, required=False)
@click.option("--reason", help="Why, for those who look at it later.")
@wait_option
@click.pass_obj
def rollback(invocation: Invocation, service: str, release: int | None, reason: str | None, wait: bool) -> None:
    """Let a release serve again as it was: the one before the present one, or RELEASE by its number."""
    found = find.service_id(invocation.api, service)
    asked = invocation.api.create(f"/api/services/{found}/rollback", _given(release=release, reason=reason))
    _follow(invocation, asked, wait)


@click.command("releases", cls=RemoteVerb)
@click.argument("service", metavar="SERVICE")
@limit_option
@click.pass_obj
def releases(invocation: Invocation, service: str, limit: int) -> None:
    """Show the releases of a service, and what each changed."""
    found = find.service_id(invocation.api, service)
    page = invocation.api.listing(f"/api/services/{found}/releases", {}, limit=limit)
    if invocation.as_text:
        rows = [{**one["release"], **one, "live": one["is_live"]} for one in page["items"]]
        page = {**page, "items": rows}
    show.listing(page, RELEASE_COLUMNS, as_text=invocation.as_text)


@click.group(cls=RemoteNoun)
def deployments() -> None:
    """The acts by which releases become live: under way, done and failed."""


@deployments.command("list")
@click.option("--service", metavar="SERVICE", help="Only those of this service.")
@limit_option
@click.pass_obj
def list_deployments(invocation: Invocation, service: str | None, limit: int) -> None:
    """Show the newest deployments."""
    found = None if service is None else find.service_id(invocation.api, service)
    page = invocation.api.listing("/api/deployments", {"service_id": found}, limit=limit)
    show.listing(page, COLUMNS, as_text=invocation.as_text)


@deployments.command("show")
@click.argument("deployment", type=ID)
@click.pass_obj
def show_deployment(invocation: Invocation, deployment: int) -> None:
    """Show one deployment, and what was seen when it failed."""
    show.thing(invocation.api.get(f"/api/deployments/{deployment}"), as_text=invocation.as_text)


@deployments.command("watch")
@click.argument("deployment", type=ID)
@click.pass_obj
def watch_deployment(invocation: Invocation, deployment: int) -> None:
    """Follow a deployment until it is live or has failed."""
    _ended(invocation, watched(invocation.api, f"/api/deployments/{deployment}"))


@deployments.command("cancel")
@click.argument("deployment", type=ID)
@click.pass_obj
def cancel_deployment(invocation: Invocation, deployment: int) -> None:
    """Stop a deployment; what served before goes on serving."""
    cancelled = invocation.api.post(f"/api/deployments/{deployment}/cancel")
    if invocation.json:
        show.as_json(cancelled)
    show.said(f"Deployment {deployment} is being cancelled; `monoize deployments watch {deployment}` shows how.")


def _follow(invocation: Invocation, asked: Json, wait: bool) -> None:
    waits = " It begins when the one under way has ended." if asked["waits"] else ""
    show.said(f"Deployment {asked['id']} of {asked['image']} is asked for.{waits}")
    if not wait:
        if invocation.json:
            show.as_json(asked)
        show.said(f"Follow it with `monoize deployments watch {asked['id']}`.")
        return
    _ended(invocation, watched(invocation.api, f"/api/deployments/{asked['id']}"))


def _ended(invocation: Invocation, ended: Json) -> None:
    if invocation.json:
        show.as_json(ended)
    if ended["status"] == "live":
        show.said(f"Deployment {ended['id']} is live: release {ended['release_id']} serves.")
        return
    raise Failure(
        f"deployment {ended['id']} ended as {ended['status']}: {ended['error']}",
        exit=Exit.NO,
        code=ended["error_code"],
        lines=[f"{name}: {value}" for name, value in _evidence(ended)],
        hint="What served before serves on." if ended["previous_release_id"] else None,
    )


def _evidence(ended: Json) -> list[tuple[str, Any]]:
    seen = ended["evidence"] or {}
    tail = str(seen.get("log_tail") or "").splitlines()
    told = [(name, seen[name]) for name in ("url", "status", "error", "body_head") if seen.get(name)]
    return [*told, *(("log", line) for line in tail)]


def _given(**values: Any) -> Json:
    return {name: value for name, value in values.items() if value is not None}
