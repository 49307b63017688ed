"""What the limits of the agent's role say to one request by themselves; what is counted is asked of counters."""

from collections.abc import Iterator
from typing import Final

from monoize.contract.gates.asked import Asked
from monoize.contract.gates.decision import Decision
from monoize.contract.governed import Governed
from monoize.contract.limits import AI_CALL, Act, Denied, judge

LIMITS: Final = "executable_limits"
_ALLOWED: Final = Decision(gate="limits", rule_id=LIMITS)


def of_limits(governed: Governed, asked: Asked) -> Iterator[Decision]:
    # Where no length was said, there has to be room for some answer, which is then cut to it.
    tokens = asked.input_tokens + (1 if asked.output_tokens is None else asked.output_tokens)
    answer = judge(governed.limits, Act(operation=AI_CALL, tokens=tokens))
    if not isinstance(answer, Denied):
        yield _ALLOWED
    elif answer.code == "limits_corrupt":
        yield Decision(gate="limits", rule_id=LIMITS, verdict="deny", code=answer.code)
    else:
        yield Decision(
            gate="limits",
            rule_id=f"{LIMITS}/max_tokens_per_request",
            verdict="deny",
            code=answer.code,
            numbers={"limit": answer.limit or 0, "asked": answer.used or 0},
        )


def room_for_output(governed: Governed, input_tokens: int) -> int | None:
    """How long an answer may be at most; None: as long as it likes."""
    most = governed.limits.max_tokens_per_request
    return None if most is None else max(0, most - input_tokens)
