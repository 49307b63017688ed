"""Why an answer ended: Anthropic's words and ours."""

from collections.abc import Mapping
from typing import Final

from monoize.gateway.protocol.urp import Finish, FinishReason

_REASONS: Final[Mapping[str, FinishReason]] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
_WORDS: Final[Mapping[FinishReason, str]] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "end_turn",
    "content_filter": "refusal",
    "other": "end_turn",
}


def finish_in(native: str | None, stop_sequence: str | None, *, has_calls: bool) -> Finish:
    """A complete answer that gives no reason has none but its end."""
    reason = "stop" if native is None else _REASONS.get(native, "other")
    if has_calls and reason == "stop":
        reason = "tool_calls"
    return Finish(reason=reason, native=native, origin="messages", stop_sequence=stop_sequence)


def finish_out(finish: Finish, *, has_calls: bool) -> str:
    """Callers run the tools of an answer only if it ended for them; one cut short is not to be run."""
    if has_calls and finish.reason not in ("length", "content_filter"):
        return "tool_use"
    if finish.origin == "messages" and finish.native:
        return finish.native
    if finish.reason == "stop" and finish.stop_sequence is not None:
        return "stop_sequence"
    return _WORDS[finish.reason]
