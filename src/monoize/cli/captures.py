"""`monoize captures`: requests that were kept whole, prompts and answers included."""

from typing import Any, Final
from urllib.parse import quote

import click

from monoize.cli import ask, show
from monoize.cli.api import Json
from monoize.cli.invocation import Invocation
from monoize.cli.values import limit_option, yes_option
from monoize.cli.verb import RemoteNoun

COLUMNS: Final = ("kept_at", "model", "status", "error_code", "user_id", "size_bytes", "request_id")


@click.group(cls=RemoteNoun)
def captures() -> None:
    """Requests that were kept whole. A REQUEST_ID is what the answer had as x-request-id."""


@captures.command("list")
@limit_option
@click.pass_obj
def list_captures(invocation: Invocation, limit: int) -> None:
    """Show the newest captures."""
    page = invocation.api.listing("/api/captures", {}, limit=limit)
    if invocation.as_text:
        page["items"] = [_row(capture) for capture in page["items"]]
    show.listing(page, COLUMNS, as_text=invocation.as_text)


@captures.command("show")
@click.argument("request_id")
@click.pass_obj
def show_capture(invocation: Invocation, request_id: str) -> None:
    """Print one capture, as JSON."""
    show.as_json(invocation.api.get(_address(request_id)))


@captures.command("delete")
@click.argument("request_id")
@yes_option
@click.pass_obj
def delete_capture(invocation: Invocation, request_id: str, yes: bool) -> None:
    """Delete one capture before its time."""
    ask.confirmed_by_name("capture", request_id, yes=yes)
    invocation.api.delete(_address(request_id))
    show.said(f"Deleted the capture of {request_id}. The request stays in the log.")


def _row(capture: Json) -> dict[str, Any]:
    """What the request log knows, beside what lies in the folder."""
    return (
        dict.fromkeys(COLUMNS)
        | (capture["request"] or {})
        | {name: value for name, value in capture.items() if name != "request"}
    )


def _address(request_id: str) -> str:
    return f"/api/captures/{quote(request_id, safe='')}"
