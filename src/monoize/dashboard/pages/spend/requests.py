"""/requests: what was asked of models, newest first and as it ends; and one of them, from attempts to charge."""

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal, get_args
from urllib.parse import urlencode

from fastapi import Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from monoize.base.clock import utc_now
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.edge.windows import moment_window
from monoize.control.edge.wire import STORABLE, Page, Window
from monoize.control.identity.actions import names
from monoize.control.ledger.actions import captures, requests
from monoize.control.ledger.api.requests import RequestId
from monoize.control.ledger.model.requests import Explanation, LoggedRequest, RequestFilter, Status
from monoize.control.ledger.services import ledger_of
from monoize.dashboard import charts
from monoize.dashboard.format import milliseconds
from monoize.dashboard.forms import Form
from monoize.dashboard.live import live_part
from monoize.dashboard.page import page_router
from monoize.dashboard.pages.spend import why
from monoize.dashboard.render import next_address, part, render
from monoize.dashboard.session import Person, PersonHere

router = page_router()

AT_ONCE: Final = 50
RANGES: Final[Mapping[str, tuple[str, dt.timedelta | None]]] = {
    "": ("Any time", None),
    "1h": ("Last hour", dt.timedelta(hours=1)),
    "24h": ("Last 24 hours", dt.timedelta(hours=24)),
    "7d": ("Last 7 days", dt.timedelta(days=7)),
}
_OUTCOMES: Final = (("", "Any outcome"), ("success", "Answered"), ("error", "Failed"))
_OWN: Final = "own"

Text = Annotated[str, Query(max_length=191), STORABLE]


@dataclasses.dataclass(frozen=True, slots=True)
class Shown:
    """The newest requests that somebody asked to see, with the names of whose they are."""

    page: Page[LoggedRequest]
    users: Mapping[str, str]
    keys: Mapping[str, str]


def _asked(
    model: Text = "", outcome: Text = "", key: Text = "", user: Text = "", whose: Text = "", time: Text = ""
) -> Form:
    asked = {"model": model, "outcome": outcome, "key": key, "user": user, "whose": whose, "time": time}
    return Form({name: value.strip() for name, value in asked.items()})


Asked = Annotated[Form, Depends(_asked)]


@router.get("/requests")
async def show(
    request: Request,
    house: HouseHere,
    person: PersonHere,
    window: Annotated[Window, Depends(moment_window)],
    asked: Asked,
) -> Response:
    shown = await _shown(house, person, window, asked)
    given = {name: value for name, value in asked.values.items() if value}
    return render(
        request,
        "spend/requests.html",
        shown=shown,
        filter=asked,
        filtered=_is_narrowed(asked),
        outcomes=_OUTCOMES,
        ranges=[(name, label) for name, (label, _) in RANGES.items()],
        live=None if window.after else f"/requests/live?{urlencode(given)}",
        next_address=next_address(request, "/requests", shown.page),
    )


@router.get("/requests/live")
async def follow(request: Request, house: HouseHere, person: PersonHere, asked: Asked) -> Response:
    async def newest() -> str:
        shown = await _shown(house, person, Window(AT_ONCE, None), asked)
        return part("spend/requests_rows.html", shown=shown, person=person, filtered=_is_narrowed(asked))

    return live_part(request, person, newest)


@router.get("/requests/{request_id}")
async def explain(
    request_id: Annotated[RequestId, Path()], request: Request, house: HouseHere, person: PersonHere
) -> Response:
    async with house.database.read() as tx:
        found = await requests.explain(tx, house.seal, person.call.principal, request_id)
    return render(
        request,
        "spend/request.html",
        found=found,
        asked=found.request,
        said=why.told(found),
        spans=_spans(found),
        tokens=_tokens(found.request),
        is_kept=person.may("captures.read") and await captures.is_kept(ledger_of(request).captures, request_id),
    )


def _is_narrowed(asked: Form) -> bool:
    return any(asked.values.values())


async def _shown(house: House, person: Person, window: Window, asked: Form) -> Shown:
    async with house.database.read() as tx:
        page = await requests.list_requests(tx, window, _wanted(person, asked))
        keys = {each.api_key_id for each in page.items if each.api_key_id}
        users = {each.user_id for each in page.items} if person.may("ledger.read") else set()
        return Shown(page, await names.of_users(tx, users), await names.of_keys(tx, keys))


def _wanted(person: Person, asked: Form) -> RequestFilter:
    """Their own, or everybody's unless they ask otherwise; what makes no sense is as if it had not been asked."""
    own = person.whose(only_own=asked.shown("whose") == _OWN)
    since = RANGES.get(asked.shown("time"), RANGES[""])[1]
    outcome: Any = asked.shown("outcome")
    status: Status | None = outcome if outcome in get_args(Status) else None
    return RequestFilter(
        user_id=own or asked.text("user"),
        api_key_id=asked.text("key"),
        model=asked.text("model"),
        status=status,
        since=None if since is None else utc_now() - since,
    )


def _spans(found: Explanation) -> Sequence[charts.DrawnSpan]:
    """Where the time went, as far as it was measured."""
    first, whole = found.request.ttfb_ms, found.request.duration_ms
    if whole is None:
        return ()
    tone: Literal["bad", ""] = "bad" if found.request.status == "error" else ""
    if first is None or first > whole:
        return charts.waterfall([charts.Span("Until it ended", 0, whole, tone)], milliseconds)
    parts = [charts.Span("Until the first byte", 0, first), charts.Span("The answer", first, whole, tone)]
    return charts.waterfall(parts, milliseconds)


def _tokens(asked: LoggedRequest) -> Sequence[tuple[str, int]]:
    named = (
        ("Read in full", asked.input_tokens),
        ("Read from the cache", asked.cache_read_tokens),
        ("Written to the cache", asked.cache_creation_tokens),
        ("Answered", asked.output_tokens),
        ("Of that, thought", asked.reasoning_tokens),
    )
    return [(name, number) for name, number in named if number]
