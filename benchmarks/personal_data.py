"""What looking through text for personal data costs, detector by detector, and a stream word by word."""

import functools
import statistics
import sys
import time
from collections.abc import Callable, Iterable

from support.governed import governed

from monoize.base.personal_data.finding import KINDS
from monoize.base.personal_data.search import DETECTORS, find
from monoize.gateway.govern.content import retellings
from monoize.gateway.protocol.urp import NodeStarted, StreamEvent, Text, TextDelta
from monoize.gateway.transforms.retelling import Chain

RUNS = 9
BYTES = 200_000
MB_PER_S_LEAST = 8.0
PROSE = (
    "The scheduler takes one job after the other, and whoever waits is told how long. When the queue is full it "
    "says so at once; nothing is lost, since every job was written down before it was accepted. Explain why.\n"
)
CODE = (
    "def total(self, *, since: int = 0) -> int:\n    found = [row.amount for row in self._rows if row.at > since]\n"
    '    return sum(found, start=0x10) if found else self._cache.get("total", 4096)\n'
)


def best_s(work: Callable[[], object]) -> float:
    def once() -> float:
        started = time.process_time()
        work()
        return time.process_time() - started

    return min(once() for _ in range(RUNS))


def everything_of(detect: Callable[[str], Iterable[object]], text: str) -> list[object]:
    return list(detect(text))


def streamed_s(text: str) -> float:
    """Of one word after the other."""
    begun = NodeStarted(index=0, node=Text(role="assistant", text=""))
    events: list[StreamEvent] = [begun, *(TextDelta(index=0, text=f"{word} ") for word in text.split(" "))]
    found = governed(policies={"pii_policy_json": {"scan": ["output"]}})

    def once() -> float:
        chain = Chain(retellings(found, lambda decision: None))
        started = time.process_time()
        for event in events:
            chain.feed(event)
        return time.process_time() - started

    return statistics.median(once() for _ in range(3))


def main() -> int:
    speeds = []
    for name, sample in (("prose", PROSE), ("code", CODE)):
        text = sample * (BYTES // len(sample))
        kb = len(text.encode()) / 1000
        for kind in KINDS:
            took_s = best_s(functools.partial(everything_of, DETECTORS[kind], text))
            print(f"{name}: {kind:12} {took_s / kb * 1e6:6.1f} µs/KB")
        all_s = best_s(functools.partial(find, text))
        speeds.append(kb / 1000 / all_s)
        print(f"{name}: all together  {all_s / kb * 1e6:6.1f} µs/KB = {speeds[-1]:.1f} MB/s")
    words = PROSE * 100
    print(f"a stream, word by word: {streamed_s(words) / len(words.split(' ')) * 1e6:.0f} µs a word")
    holds = min(speeds) >= MB_PER_S_LEAST
    verdict = "holds" if holds else "DOES NOT HOLD"
    print(f"personal_data: {verdict}: {min(speeds):.1f} MB/s of {MB_PER_S_LEAST:.0f} MB/s wanted")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
