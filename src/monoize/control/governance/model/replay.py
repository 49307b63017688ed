"""Requests that were made, judged once more: as the record says now, and as a draft of it would say. Pure.

Who judges is `actions/counting`. What could not be asked again is told of each request, and summed up.
"""

import collections
import dataclasses
import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from monoize.contract.gates.decision import Decision, Gate, denial
from monoize.contract.governed import Governed
from monoize.control.ledger.model.requests import RecordedRequest

EXAMPLES_MOST: Final = 5


NotReplayed = Literal[
    "no_cost",
    "shared",
    "concurrency",
    "runs",
    "provider",
    "began_before",
    "no_capture",
    "capture_unreadable",
    "capture_incomplete",
    "not_a_conversation",
    "personal_data",
]
"""Why a gate could not be asked again, or not of everything that it asks."""


class Judgement(NamedTuple):
    decisions: Sequence[Decision]
    missing: Mapping[Gate, NotReplayed]


Judge = Callable[[RecordedRequest, Governed], Judgement]


class Versions(NamedTuple):
    """What governs the same caller: now, and by the draft."""

    now: Governed
    draft: Governed


@dataclasses.dataclass(frozen=True, slots=True)
class Example:
    """`not_replayed` says of gates why they could not be asked again of this request."""

    request_id: str
    at: dt.datetime
    model: str
    not_replayed: Mapping[Gate, NotReplayed]


@dataclasses.dataclass(frozen=True, slots=True)
class Judged:
    """So many requests that this rule decides about, with the newest of them."""

    gate: Gate
    rule_id: str
    code: str | None
    requests: int
    examples: Sequence[Example]


@dataclasses.dataclass(frozen=True, slots=True)
class Unreplayed:
    """Of so many requests this gate could not be asked again, or not of everything that it asks."""

    gate: Gate
    reason: NotReplayed
    requests: int
    examples: Sequence[Example]


@dataclasses.dataclass(frozen=True, slots=True)
class PolicyTest:
    """`would_deny` is what the draft has in shadow.

    Where there were too many requests to judge them all, `complete` is false. `unknown` are those of people who are
    gone: nobody can say how they would be judged.
    """

    requests: int
    complete: bool
    unknown: int
    newly_denied: Sequence[Judged]
    newly_allowed: Sequence[Judged]
    would_deny: Sequence[Judged]
    not_replayed: Sequence[Unreplayed]


def replayed(
    requests: Sequence[RecordedRequest],
    versions: Mapping[str, Versions],
    now: Judge,
    draft: Judge,
    *,
    complete: bool,
) -> PolicyTest:
    """`requests` come newest first, and are judged in the order in which they were made; `versions` by user."""
    denied, allowed, shadowed, left = _Tally(), _Tally(), _Tally(), _Left()
    unknown = 0
    for request in reversed(requests):
        found = versions.get(request.user_id)
        if found is None:
            unknown += 1
            continue
        before, after = now(request, found.now), draft(request, found.draft)
        was, would = denial(before.decisions), denial(after.decisions)
        missing = {**before.missing, **after.missing}
        left.add(missing, request)
        if would and not was:
            denied.add(would, request, missing)
        elif was and not would:
            allowed.add(was, request, missing)
        for decision in after.decisions:
            if decision.verdict == "would_deny":
                shadowed.add(decision, request, missing)
    return PolicyTest(
        requests=len(requests),
        complete=complete,
        unknown=unknown,
        newly_denied=denied.judged(),
        newly_allowed=allowed.judged(),
        would_deny=shadowed.judged(),
        not_replayed=left.unreplayed(),
    )


class _Tally:
    def __init__(self) -> None:
        self._found: dict[tuple[Gate, str, str | None], list[Example]] = collections.defaultdict(list)

    def add(self, decision: Decision, request: RecordedRequest, missing: Mapping[Gate, NotReplayed]) -> None:
        self._found[decision.gate, decision.rule_id, decision.code].append(_example(request, missing))

    def judged(self) -> Sequence[Judged]:
        """The rule that decides about most comes first."""
        found = sorted(self._found.items(), key=lambda item: -len(item[1]))
        return [
            Judged(gate, rule_id, code, len(examples), _newest(examples))
            for (gate, rule_id, code), examples in found
        ]


class _Left:
    def __init__(self) -> None:
        self._found: dict[tuple[Gate, NotReplayed], list[Example]] = collections.defaultdict(list)

    def add(self, missing: Mapping[Gate, NotReplayed], request: RecordedRequest) -> None:
        for gate, reason in missing.items():
            self._found[gate, reason].append(_example(request, missing))

    def unreplayed(self) -> Sequence[Unreplayed]:
        found = sorted(self._found.items(), key=lambda item: -len(item[1]))
        return [Unreplayed(gate, reason, len(examples), _newest(examples)) for (gate, reason), examples in found]


def _newest(examples: Sequence[Example]) -> Sequence[Example]:
    return examples[: -EXAMPLES_MOST - 1 : -1]


def _example(request: RecordedRequest, missing: Mapping[Gate, NotReplayed]) -> Example:
    return Example(request.request_id, request.at, request.model, dict(missing))
