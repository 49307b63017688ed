"""Which channels are left alone for a while after failures: a circuit breaker for each. In memory, per process.

A channel rests after so many failures within a window, and longer after each failed trial. When its rest is over
one request at a time tries it; the first success makes it healthy.
"""

from collections import OrderedDict, deque
from typing import Final, NamedTuple

from monoize.contract.snapshot import Breaker

KNOWN_MOST: Final = 10_000
TRIAL_MOST_S: Final = 30.0


class Place(NamedTuple):
    """What rests: a channel, or one model on it, as it was at one revision of its provider.

    What requests find out about a channel that was changed meanwhile is therefore about another place.
    """

    channel_id: str
    model: str | None
    revision: int = 0


class _State:
    __slots__ = ("failures", "rests_until_s", "trial_until_s")

    def __init__(self) -> None:
        self.failures: deque[float] = deque()
        # None: healthy, though perhaps with failures.
        self.rests_until_s: float | None = None
        self.trial_until_s = 0.0


class Health:
    def __init__(self) -> None:
        # The one that failed longest ago first; healthy places without failures are not in here.
        self._states: OrderedDict[Place, _State] = OrderedDict()

    def is_available(self, place: Place, now_s: float) -> bool:
        state = self._states.get(place)
        if state is None or state.rests_until_s is None:
            return True
        return now_s >= state.rests_until_s and now_s >= state.trial_until_s

    def begins(self, place: Place, now_s: float) -> None:
        """A request is sent there; if it is a trial, others wait for its outcome."""
        state = self._states.get(place)
        if state is not None and state.rests_until_s is not None:
            state.trial_until_s = now_s + TRIAL_MOST_S

    def succeeded(self, place: Place) -> None:
        self._states.pop(place, None)

    def failed(self, place: Place, breaker: Breaker, now_s: float, *, is_rate_limit: bool = False) -> None:
        state = self._states.setdefault(place, _State())
        self._states.move_to_end(place)
        if len(self._states) > KNOWN_MOST:
            self._states.popitem(last=False)
        was_trial = state.rests_until_s is not None
        state.failures.append(now_s)
        while state.failures[0] < now_s - breaker.window_s:
            state.failures.popleft()
        if was_trial or len(state.failures) >= breaker.failures:
            rest_s = breaker.rate_limit_cooldown_s if is_rate_limit else breaker.cooldown_s
            state.rests_until_s = now_s + rest_s
            state.trial_until_s = 0.0
            state.failures.clear()

    def resting(self, now_s: float) -> list[Place]:
        """Those that nobody is sent to at this moment."""
        return [place for place in self._states if not self.is_available(place, now_s)]

    def to_probe(self, now_s: float) -> list[Place]:
        """Those whose rest is over, and which nobody tries at this moment."""
        return [
            place
            for place, state in self._states.items()
            if state.rests_until_s is not None and now_s >= max(state.rests_until_s, state.trial_until_s)
        ]

    def ended(self, place: Place) -> None:
        """A trial has shown nothing."""
        state = self._states.get(place)
        if state is not None:
            state.trial_until_s = 0.0

    def recovered(self, channel_id: str) -> None:
        """The channel works, with all of its models."""
        for place in [place for place in self._states if place.channel_id == channel_id]:
            del self._states[place]
