"""What the policies on personal data do to the texts of one request and its answer, and what they found. Values go
nowhere else: neither into decisions nor into refusals.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from monoize.base.personal_data.finding import KINDS, Finding, Kind
from monoize.base.personal_data.search import find
from monoize.base.personal_data.secrets import is_secret_of
from monoize.base.personal_data.stretches import stretches
from monoize.base.personal_data.treatments import Treatment, treated
from monoize.contract.gates.decision import Decision, Verdict
from monoize.contract.policies.effective import EffectivePolicy
from monoize.contract.policies.pii import PiiPolicy, Stage
from monoize.gateway.errors import PiiBlocked
from monoize.gateway.govern.json_text import changed_json, is_json
from monoize.gateway.slices import breathe

POLICY: Final = "pii_policy_json"
CHARS_MOST: Final = 8 * 2**20
"""Of all texts of a request, or of its answer: as much as is looked through."""


class TooMuchText(Exception):
    """More than is looked through."""


class Sieve:
    """The policy in force and the one in shadow, for one direction of one request."""

    def __init__(self, policy: EffectivePolicy, key: bytes) -> None:
        in_force, in_shadow = policy.in_force(POLICY), policy.in_shadow(POLICY)
        self._in_force = _OnePolicy(in_force, key) if in_force is not None else None
        self._in_shadow = _OnePolicy(in_shadow, key) if in_shadow is not None else None

    def scans(self, stage: Stage) -> bool:
        return any(each.scans(stage) for each in (self._in_force, self._in_shadow) if each)

    def text(self, text: str, stage: Stage, name: str | None = None) -> str:
        """What it is to be told as. `name` is that of the member of a document which the text is."""
        if self._in_shadow and self._in_shadow.scans(stage):
            self._in_shadow.looks(text, stage, name)
        if self._in_force and self._in_force.scans(stage):
            return self._in_force.changed(text, stage, name)
        return text

    def passes_unread(self, stage: Stage) -> None:
        """Of what nobody can read: `on_error` decides."""
        for each in (self._in_shadow, self._in_force):
            if each and each.scans(stage):
                each.unread(stage, binds=each is self._in_force)

    def change(self, stage: Stage) -> Callable[[str | None, str], str]:
        return lambda name, text: self.text(text, stage, name)

    def arguments(self, arguments: str, stage: Stage = "tool_args") -> str:
        """Value by value, where they are JSON."""
        if not self.scans(stage):
            return arguments
        if is_json(arguments):
            return changed_json(arguments, self.change(stage))
        return self.text(arguments, stage)

    def taken_decisions(self) -> Iterator[Decision]:
        """About what was found since they were taken last."""
        if self._in_force:
            yield from self._in_force.taken_decisions("pii_treated", "deny")
        if self._in_shadow:
            yield from self._in_shadow.taken_decisions("pii_found", "would_deny")


class _OnePolicy:
    def __init__(self, policy: PiiPolicy, key: bytes) -> None:
        self._policy = policy
        self._key = key
        self._kinds = [kind for kind in KINDS if self._treatment(kind) != "allow"]
        self._allowed = frozenset(policy.allow_values)
        self._chars_left = CHARS_MOST
        self._counts: dict[Stage, Counter[Kind]] = {}
        self._blocked: dict[Stage, Counter[Kind]] = {}
        self._passed_unread = 0

    def scans(self, stage: Stage) -> bool:
        return stage in self._policy.scan and bool(self._kinds)

    def changed(self, text: str, stage: Stage, name: str | None) -> str:
        try:
            findings = self._found(text, name)
        except Exception as problem:  # noqa: BLE001  Whatever went wrong, `on_error` decides.
            self.unread(stage, because=problem)
            return text
        if blocked := self._blocking(findings):
            self._blocked[stage] = blocked
            raise PiiBlocked(types=sorted(blocked), stage=stage)
        told = treated(text, findings, self._treatment, self._key)
        self._counts.setdefault(stage, Counter()).update(told.counts)
        return told.text

    def unread(self, stage: Stage, *, binds: bool = True, because: Exception | None = None) -> None:
        if binds and self._policy.on_error == "closed":
            message = "This could not be looked through for personal data."
            hint = "Send it as text, and less at once."
            raise PiiBlocked(message, hint=hint, types=[], stage=stage) from because
        self._passed_unread += 1

    def looks(self, text: str, stage: Stage, name: str | None) -> None:
        try:
            findings = self._found(text, name)
        except Exception:  # noqa: BLE001  What is only tried out stands in nobody's way.
            self._passed_unread += 1
            return
        self._blocked.setdefault(stage, Counter()).update(self._blocking(findings))
        self._counts.setdefault(stage, Counter()).update(each.kind for each in findings)

    def taken_decisions(self, code: str, blocking: Verdict) -> Iterator[Decision]:
        for stage, found in _taken(self._blocked):
            yield _decision(f"{POLICY}/{stage}", "pii_blocked", found, blocking)
        for stage, found in _taken(self._counts):
            yield _decision(f"{POLICY}/{stage}", code, found)
        if self._passed_unread:
            yield _decision(f"{POLICY}/on_error", "pii_unread", {"texts": self._passed_unread})
            self._passed_unread = 0

    def _found(self, text: str, name: str | None) -> list[Finding]:
        self._chars_left -= len(text)
        if self._chars_left < 0:
            raise TooMuchText
        if name and "secret" in self._kinds and is_secret_of(name, text):
            return [Finding("secret", 0, len(text), 0.9)]
        found: list[Finding] = []
        for start, stretch in stretches(text):
            breathe()
            for each in find(stretch, self._kinds, self._policy.min_confidence, allowed=self._allowed):
                found.append(each._replace(start=start + each.start, end=start + each.end))
        return found

    def _blocking(self, findings: list[Finding]) -> Counter[Kind]:
        return Counter(each.kind for each in findings if self._treatment(each.kind) == "block")

    def _treatment(self, kind: Kind) -> Treatment:
        treatment = self._policy.types.get(kind, self._policy.default)
        # A token that anybody could make from a guess hides nothing.
        return "redact" if treatment == "tokenize" and not self._key else treatment


def _taken(counts: dict[Stage, Counter[Kind]]) -> Sequence[tuple[Stage, Counter[Kind]]]:
    found = [(stage, each) for stage, each in counts.items() if each]
    counts.clear()
    return found


def _decision(rule_id: str, code: str, found: Mapping[Any, int], verdict: Verdict = "allow") -> Decision:
    return Decision(gate="content", rule_id=rule_id, verdict=verdict, code=code, numbers=dict(found))
