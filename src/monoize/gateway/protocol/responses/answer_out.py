"""An answer of any origin, as a caller of this protocol reads it: with everything that its strict SDK needs."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from monoize.gateway.protocol.naming import Naming
from monoize.gateway.protocol.responses.answer_items import Said, Writing, speakable
from monoize.gateway.protocol.responses.usage import write_usage
from monoize.gateway.protocol.urp import Failed, Finish, Json, Node, Refusal, Response, Text, Usage

_TIERS: Final = frozenset({"auto", "default", "flex", "scale", "priority", "fast"})
_ENDINGS: Final[Mapping[str, tuple[str, str | None]]] = {
    "stop": ("completed", None),
    "tool_calls": ("completed", None),
    "length": ("incomplete", "max_output_tokens"),
    "content_filter": ("incomplete", "content_filter"),
    "other": ("failed", None),
}
# Codes that clients know what to do about; all others are the provider's own.
_CODES: Final = frozenset(
    {
        "context_length_exceeded",
        "data_residency_mismatch",
        "image_content_policy_violation",
        "insufficient_quota",
        "invalid_prompt",
        "rate_limit_exceeded",
        "server_error",
        "server_is_overloaded",
    }
)


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What does not change from the first event of an answer to its last."""

    id: str
    model: str
    created_at: int


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    status: str = "in_progress"
    why_incomplete: str | None = None
    error: Json | None = None


BEGUN: Final = Ending()


def encode_response(response: Response, *, model: str | None, naming: Naming) -> Json:
    """`model` is what to call it, or None for the one that answered."""
    ours = response.finish.origin == "responses"
    head = head_of(naming, model or response.model, id=response.id, created_at=response.created_at, ours=ours)
    ending = ending_of(response.finish)
    items = _items(response.output, Writing(naming=naming, ours=ours))
    if ending.status == "incomplete":
        items = [*items[:-1], *(cut_short(item) for item in items[-1:])]
    return written(head, ending, items, usage=response.usage, extra=response.extra if ours else {})


def head_of(naming: Naming, model: str, *, id: str, created_at: int | None, ours: bool) -> Head:
    """An id of a provider of this protocol can be continued from; others are none of the caller's business."""
    return Head(
        id=(ours and id) or naming.response_id,
        model=model,
        created_at=created_at if ours and created_at is not None else naming.created_at,
    )


def ending_of(finish: Finish) -> Ending:
    if finish.origin != "responses" or finish.native is None:
        status, why = _ENDINGS[finish.reason]
    elif finish.native in ("completed", "failed", "cancelled"):
        status, why = finish.native, None
    else:
        status, why = "incomplete", None if finish.native == "incomplete" else finish.native
    error = None
    if status == "failed":
        error = {"code": "server_error", "message": f"The model stopped: {finish.native or finish.reason}."}
    return Ending(status=status, why_incomplete=why, error=error)


def ending_of_failure(failed: Failed) -> Ending:
    code = failed.code if failed.code in _CODES else None
    if code is None:
        is_pace = failed.status == 429 or failed.kind == "rate_limit_error"
        code = "rate_limit_exceeded" if is_pace else "server_error"
    return Ending(status="failed", error={"code": code, "message": failed.message})


def cut_short(item: Json) -> Json:
    """The last message of an answer that is incomplete is so as well."""
    return {**item, "status": "incomplete"} if item.get("type") == "message" else item


def written(
    head: Head,
    ending: Ending,
    items: Sequence[Json],
    *,
    usage: Usage | None = None,
    extra: Mapping[str, Any],
) -> Json:
    why = ending.why_incomplete
    body: Json = {
        "id": head.id,
        "object": "response",
        "created_at": head.created_at,
        "status": ending.status,
        "background": False,
        "error": ending.error,
        "incomplete_details": None if why is None else {"reason": why},
        "instructions": None,
        "max_output_tokens": None,
        "metadata": {},
        "model": head.model,
        "output": items,
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "store": False,
        "temperature": None,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
        "truncation": "disabled",
        "usage": usage and write_usage(usage),
        "user": None,
    }
    if usage and usage.service_tier in _TIERS:
        body["service_tier"] = usage.service_tier
    own = ("id", "object", "created_at", "status", "error", "incomplete_details", "model", "output", "usage")
    return {**body, **{name: value for name, value in extra.items() if name not in own}}


def _items(nodes: Iterable[Node], writing: Writing) -> list[Json]:
    items: list[Json] = []
    first: Said | None = None
    for node in nodes:
        said = speakable(node, ours=writing.ours)
        if isinstance(said, Text | Refusal):
            if first is None or not writing.continues(said, items[-1], first):
                first = said
                items.append({**writing.message(said, len(items)), "status": "completed"})
            items[-1]["content"].append(writing.part(said))
        elif said is not None:
            first = None
            items.append(writing.item(said, len(items)))
    return items
