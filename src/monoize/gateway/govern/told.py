"""What retellings by policy have in common: at the end of an answer they write down what was found in it."""

from collections.abc import Callable

from monoize.base.errors import Refusal
from monoize.contract.gates.decision import Decision
from monoize.gateway.govern.sieve import Sieve
from monoize.gateway.protocol.urp import Done, Failed, StreamEvent
from monoize.gateway.transforms.retelling import Retelling

Record = Callable[[Decision], None]


class Told(Retelling):
    """Several of one answer share a sieve, and each finding is written down by one of them."""

    def __init__(self, sieve: Sieve, record: Record) -> None:
        super().__init__()
        self._sieve = sieve
        self._record = record

    def feed(self, event: StreamEvent) -> list[StreamEvent]:
        try:
            told = super().feed(event)
        except Refusal:
            self.writes_down()
            raise
        if isinstance(event, Done | Failed):
            self.writes_down()
        return told

    def writes_down(self) -> None:
        """What was found since the last time: also where the answer is not heard to its end."""
        for decision in self._sieve.taken_decisions():
            self._record(decision)
