"""A provider's whole answer: `decode_response`. Read mildly, as long as there is an answer in it."""

from typing import Any, Final

from monoize.gateway.protocol import fields
from monoize.gateway.protocol.chat import calls, thoughts
from monoize.gateway.protocol.chat.messages_in import MESSAGE, images_of, spoken_parts
from monoize.gateway.protocol.chat.problems import embedded_failure
from monoize.gateway.protocol.chat.usage import read_answer_usage
from monoize.gateway.protocol.chat.wire import FAILURE, finish_of
from monoize.gateway.protocol.errors import BadAnswer, BadRequest
from monoize.gateway.protocol.fields import told_integer, told_list, told_object, told_text
from monoize.gateway.protocol.urp import Audio, Inline, Json, Node, Refusal, Response, Text, ToolCall

CHOICE: Final = "choice"
"""In `extra` of a response: what else stood in the choice."""
ANNOTATIONS: Final = "annotations"
_OF_BODY: Final = frozenset({"id", "object", "created", "model", "choices", "usage", "error"})
_OF_CHOICE: Final = frozenset({"index", "message", "finish_reason", "usage", "error"})
_OF_MESSAGE: Final = frozenset(
    {
        "role",
        "content",
        "refusal",
        "audio",
        "tool_calls",
        "images",
        ANNOTATIONS,
        calls.OLD,
        thoughts.DETAILS,
        *thoughts.FIELDS,
    }
)
# Here nobody says what kind of sound it is; this is what callers ask for most.
_SOUND: Final = "audio/wav"


def decode_response(body: Json) -> Response:
    if not isinstance(body, dict):
        raise BadAnswer("The answer is no object.")
    choice = next(iter(told_list(body.get("choices")) or ()), None)
    _refuse_failure(body, told_object(choice) or {})
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        raise BadAnswer("The answer has no message.")
    try:
        output = _nodes(message)
    except BadRequest as problem:
        raise BadAnswer(problem.message) from None
    native = told_text(choice.get("finish_reason"))
    return Response(
        id=told_text(body.get("id")) or "",
        model=told_text(body.get("model")) or "",
        output=output,
        finish=finish_of(native, has_calls=any(isinstance(node, ToolCall) for node in output)),
        usage=read_answer_usage(body),
        created_at=told_integer(body.get("created")),
        extra=_extra(body, choice, message),
    )


def _refuse_failure(body: Json, choice: Json) -> None:
    """An error in a body whose status says that all is well."""
    for place in (body, {"error": choice.get("error")}):
        failed = embedded_failure(place)
        if failed is not None:
            raise BadAnswer(f"{failed.message} ({failed.code})" if failed.code else failed.message)
    if choice.get("finish_reason") == FAILURE:
        raise BadAnswer("The provider reports an error.")


def _nodes(message: Json) -> tuple[Node, ...]:
    nodes: list[Node] = [*thoughts.thoughts_of(message), *_speech(message), *_said(message)]
    refusal = told_text(message.get("refusal"))
    if refusal:
        nodes.append(Refusal(text=refusal))
    nodes += images_of(message)
    for place, call in enumerate(told_list(message.get("tool_calls")) or []):
        nodes.append(_call(call, place))
    old = told_object(message.get(calls.OLD))
    if old is not None and told_text(old.get("name")):
        nodes.append(calls.read_old_call(old, 0, calls.OLD))
    return tuple(nodes)


def _said(message: Json) -> list[Node]:
    content = message.get("content")
    if isinstance(content, list):
        return spoken_parts(message)
    text = told_text(content)
    annotations = told_list(message.get(ANNOTATIONS))
    extra = {ANNOTATIONS: annotations} if annotations else {}
    return [Text(role="assistant", text=text, extra=extra)] if text else []


def _call(call: Any, place: int) -> ToolCall:
    """An id that is missing is made, so that the result finds its call."""
    if isinstance(call, dict):
        call = {**call, "id": told_text(call.get("id")) or calls.made_id(place)}
    return calls.read_call(call, f"tool_calls[{place}]")


def _speech(message: Json) -> list[Node]:
    audio = told_object(message.get("audio")) or {}
    data = told_text(audio.get("data"))
    if not data:
        return []
    return [
        Audio(
            role="assistant",
            source=Inline(media_type=_SOUND, data=data),
            transcript=told_text(audio.get("transcript")),
            id=told_text(audio.get("id")),
            extra=fields.rest(audio, ("id", "transcript", "data")),
        )
    ]


def _extra(body: Json, choice: Json, message: Json) -> Json:
    extra = fields.rest(body, _OF_BODY)
    of_choice, of_message = fields.rest(choice, _OF_CHOICE), fields.rest(message, _OF_MESSAGE)
    if any(value is not None for value in of_choice.values()):
        extra[CHOICE] = of_choice
    if of_message:
        extra[MESSAGE] = of_message
    return extra
