"""How often something took how long, in buckets of seconds; told in the text format of Prometheus."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from monoize.base.exposition import Labels, line


class Histogram:
    """Bounds are inclusive, and in order."""

    def __init__(self, bounds_s: Sequence[float]) -> None:
        self._bounds_s = bounds_s
        self._counts = [0] * (len(bounds_s) + 1)
        self._sum_s = 0.0

    def add(self, seconds: float) -> None:
        self._counts[bisect_left(self._bounds_s, seconds)] += 1
        self._sum_s += seconds

    def lines(self, name: str, labels: Labels) -> Iterator[str]:
        so_far = 0
        for bound, count in zip((*self._bounds_s, "+Inf"), self._counts, strict=True):
            so_far += count
            yield line(f"{name}_bucket", [*labels, ("le", f"{bound}")], so_far)
        yield line(f"{name}_sum", labels, f"{self._sum_s:.6f}")
        yield line(f"{name}_count", labels, so_far)
