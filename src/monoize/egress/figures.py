"""What the proxy counts for those who watch it, in the text format of Prometheus."""

from collections import Counter
from collections.abc import Iterator

from monoize.base.exposition import head, line, single
from monoize.egress.meter import Meter


class Figures:
    def __init__(self, meter: Meter) -> None:
        self.clients = 0
        self.tunnels = 0
        self.requests: Counter[str] = Counter()
        self.refusals: Counter[str] = Counter()
        self.cut_off = 0
        self.untaken_s = 0.0
        self._meter = meter

    def lines(self) -> Iterator[str]:
        yield from single("egress_clients", "gauge", "Connections from machines.", self.clients)
        yield from single("egress_tunnels", "gauge", "Tunnels that are open.", self.tunnels)
        yield from single("egress_cut_off_total", "counter", "Connections cut off under way.", self.cut_off)
        help = "How long counted bytes have waited for the control plane to take them."
        yield from single("egress_untaken_seconds", "gauge", help, f"{self.untaken_s:.3f}")
        yield head("egress_bytes_total", "counter", "Bytes to and from targets, as flushed.")
        for direction, count in (("sent", self._meter.sent), ("received", self._meter.received)):
            yield line("egress_bytes_total", [("direction", direction)], count)
        yield head("egress_requests_total", "counter", "Requests that were let out.")
        for kind, count in sorted(self.requests.items()):
            yield line("egress_requests_total", [("kind", kind)], count)
        yield head("egress_refusals_total", "counter", "Requests that were refused.")
        for code, count in sorted(self.refusals.items()):
            yield line("egress_refusals_total", [("code", code)], count)
