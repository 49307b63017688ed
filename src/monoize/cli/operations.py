"""`monoize operations`: what is under way on machines, and how it went, step by step.

Operations go on when nobody watches them, and also when the server dies; so does whoever follows one here.
"""

import datetime as dt
import sys
import time
from typing import Any, Final

import click

from monoize.cli import find, show
from monoize.cli.api import Api, ConnectionLost, Json
from monoize.cli.failure import Exit, Failure
from monoize.cli.invocation import Invocation
from monoize.cli.values import limit_option
from monoize.cli.verb import RemoteNoun

COLUMNS: Final = ("kind", "state", "vps_id", "requested_by", "created_at", "ended_at", "error", "id")
STEP_COLUMNS: Final = ("name", "state", "took", "detail", "error")
AWAY_MOST_S: Final = 60
RETRY_EVERY_S: Final = 1.0
_PATH: Final = "/api/operations"
_OPEN: Final = frozenset({"queued", "running"})


def follow(api: Api, operation_id: str) -> Json:
    """Show each step on stderr as it ends, and the operation once it has. A failed one is a Failure."""
    progress, away_since = Progress(), 0.0
    while True:
        try:
            for name, operation in api.events(f"{_PATH}/{operation_id}/stream", {}):
                away_since = 0.0
                if name == "operation":
                    progress.show(operation)
                    if operation["state"] not in _OPEN:
                        return _ended(operation)
        except Failure as failure:
            # The server may have died; what it does goes on once it is there again.
            is_away = isinstance(failure, ConnectionLost) or (progress.has_begun and failure.code is None)
            away_since = away_since or time.monotonic()
            if not is_away or time.monotonic() - away_since > AWAY_MOST_S:
                raise
        time.sleep(RETRY_EVERY_S)


class Progress:
    """Steps as lines, of which the last shows on a terminal how long it has been going on."""

    def __init__(self) -> None:
        self._shown = 0
        self._is_live = sys.stderr.isatty()
        self._has_unended_line = False
        self.has_begun = False

    def show(self, operation: Json) -> None:
        self.has_begun = True
        steps = operation["steps"]
        self._wipe()
        while self._shown < len(steps) and steps[self._shown]["ended_at"] is not None:
            show.said(line_of(steps[self._shown]))
            self._shown += 1
        if self._is_live and self._shown < len(steps):
            click.echo(show.clean(line_of(steps[self._shown])), err=True, nl=False)
            self._has_unended_line = True

    def _wipe(self) -> None:
        if self._has_unended_line:
            click.echo("\r\033[K", err=True, nl=False)
            self._has_unended_line = False


def line_of(step: Json) -> str:
    told = step["error"] or step["detail"] or ""
    return f"  {step['name']:<8} {step['state']:<8} {took(step):>7}  {told}".rstrip()


def took(step: Json) -> str:
    if step["ended_at"] is None:
        return "…"
    started, ended = (dt.datetime.fromisoformat(step[name]) for name in ("started_at", "ended_at"))
    return f"{(ended - started).total_seconds():.1f} s"


def _ended(operation: Json) -> Json:
    if operation["state"] == "done":
        return operation
    hint = "Nothing of it was left behind." if operation["undoing"] else None
    raise Failure(
        f"the {operation['kind']} {operation['state']}: {operation['error']}",
        exit=Exit.NO,
        code="operation_failed",
        hint=hint,
    )


@click.group(cls=RemoteNoun)
def operations() -> None:
    """What is under way on machines. An OPERATION is an id."""


@operations.command("list")
@click.option("--machine", metavar="MACHINE", help="Only of this one, by its id.")
@click.option("--open", "only_open", is_flag=True, help="Only those that are under way.")
@click.option("--user", metavar="USER", help="Whose, by username or id, if not one's own.")
@click.option("--everybody", is_flag=True, help="All users'.")
@limit_option
@click.pass_obj
def list_operations(
    invocation: Invocation, machine: str | None, only_open: bool, user: str | None, everybody: bool, limit: int
) -> None:
    """Show the newest operations."""
    wanted: dict[str, Any] = {
        "machine_id": machine,
        "only_open": only_open or None,
        "user_id": find.user_id(invocation.api, user),
        "everybody": everybody or None,
    }
    show.listing(invocation.api.listing(_PATH, wanted, limit=limit), COLUMNS, as_text=invocation.as_text)


@operations.command("show")
@click.argument("operation")
@click.pass_obj
def show_operation(invocation: Invocation, operation: str) -> None:
    """Show one with its steps."""
    found = invocation.api.get(f"{_PATH}/{operation}")
    if invocation.json:
        show.as_json(found)
        return
    show.thing({name: value for name, value in found.items() if name != "steps"}, as_text=True)
    steps = [{**step, "took": took(step)} for step in found["steps"]]
    show.listing({"items": steps, "next_cursor": None}, STEP_COLUMNS, as_text=True)


@operations.command("follow")
@click.argument("operation")
@click.pass_obj
def follow_operation(invocation: Invocation, operation: str) -> None:
    """Show its steps until it has ended; how it ended is the exit code."""
    ended = follow(invocation.api, operation)
    if invocation.json:
        show.as_json(ended)
    show.said(f"The {ended['kind']} is done.")
