"""/patterns: everything that pages are made of, in every state, for whoever builds one."""

import datetime as dt
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from monoize.base.errors import BadRequest
from monoize.dashboard import charts, static_files
from monoize.dashboard.format import milliseconds, short_count, short_usd
from monoize.dashboard.forms import Form, invalid
from monoize.dashboard.page import page_router
from monoize.dashboard.render import render
from monoize.dashboard.session import PersonHere

router = page_router()

_AT: Final = dt.datetime(2026, 11, 3, 9, 30, tzinfo=dt.UTC)
_DAYS: Final = [f"{number} Nov" for number in range(1, 31)]
_WAVE: Final = [3 + (number * 7) % 11 + (4 if number % 7 in (2, 3) else 0) for number in range(30)]
_CENT: Final = 10_000_000


@router.get("/patterns")
async def show(request: Request, person: PersonHere) -> Response:
    return render(request, "patterns/patterns.html", **_EXAMPLES)


def _charts() -> dict[str, charts.Chart]:
    names = ("claude-sonnet-4-5", "gpt-5.1", "gemini-3-pro", "llama-4-maverick")
    series = [
        charts.Series(name, [value * _CENT * (4 - at) * 31 // 10 for value in _WAVE[at:] + _WAVE[:at]])
        for at, name in enumerate(names)
    ]
    latency: list[int | None] = [220 + 37 * value for value in _WAVE]
    latency[11] = latency[12] = None
    return {
        "spend": charts.stacked("Spend by model", _DAYS, series, lambda nano: short_usd(int(nano))),
        "latency": charts.lined(
            "Time to the first token",
            _DAYS,
            [
                charts.Series("Median", latency),
                charts.Series("95th percentile", [None if value is None else value * 2.3 for value in latency]),
            ],
            milliseconds,
        ),
        "one": charts.lined(
            "Requests", _DAYS, [charts.Series("Requests", _WAVE)], lambda number: short_count(int(number))
        ),
        "histogram": charts.histogram(
            "Durations",
            [0, 100, 200, 400, 800, 1600, 3200, 6400, 12800],
            [4, 60, 310, 240, 120, 44, 9, 2],
            milliseconds,
        ),
        "nothing": charts.stacked("Spend by model", [], [], str),
    }


_EXAMPLES: Final[dict[str, Any]] = {
    "at": _AT,
    "filled": Form({"name": "nightly build", "limit": "25", "role": "user", "reach": "own", "enabled": "yes"}),
    "wrong": Form({"name": "?", "limit": "-4"}).refused(
        invalid(
            name="Use letters, digits, dashes and dots.",
            limit="Use a number above 0.",
            password="Use at least 8 characters.",
            note="This is too long.",
            role="Choose one of the roles.",
            reach="Choose one of these.",
            enabled="Tick this to go on.",
        )
    ),
    "refused": BadRequest("The channel did not answer.", hint="Check its base URL, or try the test again later."),
    "charts": _charts(),
    "line": charts.sparkline(_WAVE),
    "meters": [
        ("CPU", charts.share(3, 8), "3 of 8 cores"),
        ("Budget of this month", charts.share(84, 100), "$84.00 of $100.00"),
        ("Bandwidth", charts.share(130, 100), "1.3 TiB of 1 TiB"),
        ("Disk", charts.share(0, 40), "0 B of 40 GiB"),
    ],
    "spans": charts.waterfall(
        [
            charts.Span("Checks", 0, 3),
            charts.Span("anthropic-eu, attempt 1", 3, 412, "bad"),
            charts.Span("anthropic-us, attempt 2", 414, 690, "busy"),
            charts.Span("Streaming", 690, 2_480),
            charts.Span("Settling", 2_480, 2_483),
        ],
        milliseconds,
    ),
    "icons": static_files.icons(),
}
