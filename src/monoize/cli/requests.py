"""`monoize requests` and `monoize explain`: what was asked of models, and how one of these requests went."""

import json
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final
from urllib.parse import quote

import click

from monoize.cli import find, show
from monoize.cli.api import Api, Json
from monoize.cli.failure import Exit, Failure
from monoize.cli.invocation import Invocation
from monoize.cli.keys import owner_option
from monoize.cli.values import TIME, limit_option
from monoize.cli.verb import RemoteNoun, RemoteVerb

COLUMNS: Final = (
    "created_at",
    "model",
    "status",
    "error_code",
    "input_tokens",
    "output_tokens",
    "duration_ms",
    "charge_nano_usd",
    "request_id",
)
RETRY_LEAST_S: Final = 1
RETRY_MOST_S: Final = 30
TOKENS: Final = (
    "input_tokens",
    "cache_read_tokens",
    "cache_creation_tokens",
    "output_tokens",
    "reasoning_tokens",
)
DECISION_COLUMNS: Final = ("gate", "verdict", "code", "rule_id", "allowed")
ATTEMPT_COLUMNS: Final = ("number", "outcome", "status", "code")
UPSTREAM_COLUMNS: Final = ("provider", "channel", "model")
LINE_COLUMNS: Final = ("item", "quantity", "free", "unit", "rate_usd", "rate_per", "multipliers")


@click.group(cls=RemoteNoun)
def requests() -> None:
    """The log of requests to models."""


@requests.command("list")
@owner_option
@click.option("--everybody", is_flag=True, help="The requests of all users.")
@click.option("--key", metavar="KEY", help="Only those with this key.")
@click.option("--model", help="Only those for this model, as it was asked for.")
@click.option("--status", type=click.Choice(["success", "error"]), help="Only those that went well, or did not.")
@click.option("--request-id", metavar="ID", help="Only the one with this id.")
@click.option("--since", type=TIME, help="Nothing older.")
@click.option("--until", type=TIME, help="Nothing newer.")
@limit_option
@click.pass_obj
def list_requests(
    invocation: Invocation,
    /,
    user: str | None,
    everybody: bool,
    key: str | None,
    limit: int,
    **filters: str | None,
) -> None:
    """Show the newest requests that match."""
    if user and everybody:
        raise click.UsageError("--user and --everybody exclude each other")
    owner_id = find.user_id(invocation.api, user)
    key_id = find.key(invocation.api, key, owner_id=owner_id)["id"] if key else None
    params = {**filters, "user_id": owner_id, "everybody": everybody or None, "key_id": key_id}
    page = invocation.api.listing("/api/requests", params, limit=limit)
    show.listing(page, ("user_id", *COLUMNS) if everybody else COLUMNS, as_text=invocation.as_text)


@requests.command("tail")
@owner_option
@click.option("--everybody", is_flag=True, help="The requests of all users.")
@click.option("--for", "for_s", type=click.IntRange(0, 3600), metavar="SECONDS", help="For no longer than this.")
@click.pass_obj
def tail(invocation: Invocation, user: str | None, everybody: bool, for_s: int | None) -> None:
    """Show requests as they end, until Ctrl-C. With --json each event is a line of its own."""
    if user and everybody:
        raise click.UsageError("--user and --everybody exclude each other")
    owner_id = find.user_id(invocation.api, user)
    params = {"user_id": owner_id, "everybody": everybody or None, "for_s": for_s}
    show_event = _show_event_as_json if invocation.json else _show_event
    for name, data in _followed(invocation.api, params):
        show_event(name, data)


def _followed(api: Api, params: Json) -> Iterator[tuple[str, Any]]:
    """The events of one stream after the other, as long as somebody reads. The first has to begin."""
    pause_s = RETRY_LEAST_S
    is_first = True
    while True:
        try:
            for name, data in api.events("/api/requests/stream", params):
                yield name, data
                is_first, pause_s = False, RETRY_LEAST_S
            if params["for_s"] is not None:
                return
        except Failure as failure:
            if is_first or failure.exit != Exit.CANNOT:
                raise
            show.said(f"{failure.message}; trying again in {pause_s} seconds")
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, RETRY_MOST_S)
        yield "resync", {}


def _show_event_as_json(name: str, data: Any) -> None:
    click.echo(json.dumps({"event": name, "data": data}, ensure_ascii=False))


def _show_event(name: str, data: Any) -> None:
    if name == "resync":
        show.said("Some requests may be missing here; `monoize requests list` has all of them.")
    elif name == "log_batch":
        for request in data:
            click.echo("  ".join(show.value(column, request[column]) for column in COLUMNS))


@click.command("explain", cls=RemoteVerb)
@click.argument("request_id")
@click.pass_obj
def explain(invocation: Invocation, request_id: str) -> None:
    """Tell how one request went: who tried to answer it, and how its charge came about."""
    told = invocation.api.get(f"/api/requests/{quote(request_id, safe='')}")
    if invocation.json:
        show.as_json(told)
        return
    _show_request(told)
    if told["attempts"]:
        click.echo()
        _show_attempts(told["attempts"])
    if told["decisions"]:
        click.echo()
        _table([each | {"allowed": ", ".join(each["allowed"])} for each in told["decisions"]], DECISION_COLUMNS)
    if told["bill"]["lines"]:
        click.echo()
        _show_lines(told["bill"])
    click.echo()
    _show_charge(told)


def _show_request(told: Json) -> None:
    request = told["request"]
    _record(
        {
            "request": request["request_id"],
            "at": show.time(request["created_at"]),
            "user": told["username"] or request["user_id"],
            "key": told["key_name"] or request["api_key_id"],
            "from": request["request_ip"],
            "model": request["model"],
            "protocol": _joined(request["request_kind"], "as a stream" if request["is_stream"] else None),
            "answered by": _place(told["answered_by"]),
            "status": _joined(request["status"], request["error_http_status"], request["error_code"]),
            "reason": told["error_message"],
            "first byte": _after(request["ttfb_ms"]),
            "end": _after(request["duration_ms"]),
            "cache": {True: "hit", False: "miss", None: None}[request["cache_hit"]],
            "tokens": _tokens(request),
        }
    )


def _show_attempts(attempts: Sequence[Json]) -> None:
    """Whoever may not see behind a request is told how each attempt ended, not whose it was."""
    if all(each["upstream"] is None for each in attempts):
        _table(attempts, ATTEMPT_COLUMNS)
        return
    rows = [each | _names(each["upstream"]) for each in attempts]
    _table(rows, (*ATTEMPT_COLUMNS, *UPSTREAM_COLUMNS))


def _show_lines(bill: Json) -> None:
    amount = f"{bill['lines_of']}_nano_usd"
    _table([{**line, amount: line["amount_nano_usd"]} for line in bill["lines"]], (*LINE_COLUMNS, amount))


def _show_charge(told: Json) -> None:
    bill, entry = told["bill"], told["entry"]
    behind = bill["behind"] or {}
    _record(
        {
            "cost usd": _amount(behind["cost_nano_usd"]) if behind else None,
            "multiplier": behind.get("multiplier"),
            "markup usd": _amount(behind["markup_nano_usd"]) if behind.get("markup_nano_usd") else None,
            "price": _joined(behind.get("book"), bill["kind"], behind.get("price_id")),
            "applies": ", ".join((*bill["flags"], *bill["warnings"])),
            "estimated": bill["is_estimated"],
            "charge usd": _amount(bill["charge_nano_usd"]),
            "booked": _joined(entry["kind"], entry["id"], show.time(entry["created_at"])) if entry else None,
        }
    )


def _names(upstream: Json) -> Json:
    return {
        "provider": upstream["provider"] or upstream["provider_id"],
        "channel": upstream["channel"] or upstream["channel_id"],
        "model": upstream["model"],
    }


def _place(upstream: Json | None) -> str | None:
    return _joined(*_names(upstream).values(), by=" / ") if upstream else None


def _tokens(request: Json) -> str:
    return ", ".join(
        f"{request[name]} {show.label(name.removesuffix('_tokens'))}" for name in TOKENS if request[name]
    )


def _after(ms: int | None) -> str | None:
    return None if ms is None else f"after {ms} ms"


def _amount(nano: str | None) -> str:
    return show.NOTHING if nano is None else show.usd(nano)


def _joined(*parts: Any, by: str = " ") -> str:
    return by.join(str(part) for part in parts if part not in (None, ""))


def _record(told: Json) -> None:
    """What is not known is left out."""
    show.record([(name, show.value(name, raw)) for name, raw in told.items() if raw not in (None, "")])


def _table(rows: Sequence[Json], columns: Sequence[str]) -> None:
    show.table(
        [show.label(name) for name in columns],
        [[show.value(name, row[name]) for name in columns] for row in rows],
    )
