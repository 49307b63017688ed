"""A request that may not go out, with what is to be written down about that."""

from collections.abc import Sequence

from monoize.base.errors import Refusal
from monoize.contract.gates.decision import Decision


class Denied(Exception):
    def __init__(self, refusal: Refusal, decisions: Sequence[Decision]) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal
        self.decisions = decisions
