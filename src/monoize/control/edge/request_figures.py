"""How many requests the control plane has answered, and how long that took, for whoever watches over it.

By method and status only: paths hold names that people chose.
"""

from collections.abc import Iterator
from typing import Final

from monoize.base.exposition import head, line
from monoize.base.histogram import Histogram

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
CALLER_LEFT: Final = 499

_BOUNDS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class RequestFigures:
    def __init__(self) -> None:
        self._answered: dict[tuple[str, int], int] = {}
        self._durations = Histogram(_BOUNDS_S)

    def ended(self, method: str, status: int, seconds: float) -> None:
        """A status of 0: the caller left before there was an answer."""
        series = method if method in METHODS else "other", status or CALLER_LEFT
        self._answered[series] = self._answered.get(series, 0) + 1
        self._durations.add(seconds)

    def lines(self) -> Iterator[str]:
        yield head("control_requests_total", "counter", "Requests to the API and the pages, by how they ended.")
        for (method, status), count in sorted(self._answered.items()):
            yield line("control_requests_total", [("method", method), ("status", str(status))], count)
        yield head("control_duration_seconds", "histogram", "From such a request to the end of its answer.")
        yield from self._durations.lines("control_duration_seconds", ())
