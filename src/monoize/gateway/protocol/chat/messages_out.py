"""Nodes made into the messages of a request.

Results of calls stand right after the message of the calls, each after its own, wherever they stood before; a call
without a result is left out, and so is a result without a call. Results are text: images and files in them follow
as a message of the user. Callers of this protocol get back what only it knows, others lose it.
"""

from collections import deque
from collections.abc import Mapping, Sequence

from monoize.gateway.protocol import fields
from monoize.gateway.protocol.chat import calls, media
from monoize.gateway.protocol.chat.assistant_out import AssistantMessage
from monoize.gateway.protocol.chat.messages_in import MESSAGE
from monoize.gateway.protocol.chat.parts_out import content_of, part_of
from monoize.gateway.protocol.urp import (
    Audio,
    File,
    Image,
    Json,
    Node,
    ProviderItem,
    Reasoning,
    Refusal,
    Request,
    ResultPart,
    Role,
    Text,
    ToolCall,
    ToolResult,
)


def write_messages(request: Request, model: str) -> list[Json]:
    writer = _Writer(model, own=request.origin == "chat")
    results = _answered(request.input)
    for place, node in enumerate(request.input):
        if isinstance(node, ToolResult):
            writer.end_turn()
        elif not isinstance(node, ToolCall):
            writer.say(node)
        elif place in results:
            writer.call(node, results[place])
    return writer.finished()


class _Writer:
    def __init__(self, model: str, *, own: bool) -> None:
        self._model = model
        self._own = own
        self._messages: list[Json] = []
        # One of them is open: what the model said, or else what this role says.
        self._assistant: AssistantMessage | None = None
        self._role: Role = "user"
        self._parts: list[Json] = []
        self._beside: Json = {}

    def say(self, node: Text | Image | Audio | File | Refusal | Reasoning | ProviderItem) -> None:
        role = "assistant" if isinstance(node, Reasoning | Refusal) else node.role
        if role == "assistant":
            self._of_assistant(node).add(node)
            return
        # Many who speak this protocol know no developer.
        role = "system" if role == "developer" and not self._own else role
        self.end_turn()
        if role != self._role or _begins(node, own=self._own):
            self._end_message()
            self._role = role
        self._beside |= _message_extra(node, own=self._own)
        part = part_of(node, own=self._own)
        if part:
            self._parts.append(part)

    def call(self, call: ToolCall, result: ToolResult) -> None:
        self._of_assistant(call).add_call(call, result)

    def end_turn(self) -> None:
        """Of the model. The media in results of its calls begin the next message."""
        if self._assistant is None:
            return
        assistant, self._assistant, self._role = self._assistant, None, "user"
        message = assistant.finished()
        if message:
            self._messages.append(message)
        for result in assistant.results:
            self._messages.append(_result_message(result, own=self._own))
            media_parts = (part_of(part, own=self._own) for part in result.content if not _is_said(part))
            self._parts += [part for part in media_parts if part]

    def finished(self) -> list[Json]:
        self.end_turn()
        self._end_message()
        return self._messages

    def _end_message(self) -> None:
        if self._parts:
            content = content_of(self._parts, own=self._own)
            self._messages.append({**self._beside, "role": self._role, "content": content})
        self._parts, self._beside = [], {}

    def _of_assistant(self, node: Node) -> AssistantMessage:
        if self._assistant is None or _begins(node, own=self._own):
            self.end_turn()
            self._end_message()
            self._assistant = AssistantMessage(self._model, own=self._own)
        self._assistant.beside |= _message_extra(node, own=self._own)
        return self._assistant


def _begins(node: Node, *, own: bool) -> bool:
    return own and not isinstance(node, ProviderItem) and MESSAGE in node.extra


def _message_extra(node: Node, *, own: bool) -> Json:
    if not own or isinstance(node, ProviderItem):
        return {}
    found = node.extra.get(MESSAGE)
    return found if isinstance(found, dict) else {}


def _answered(nodes: Sequence[Node]) -> Mapping[int, ToolResult]:
    """The results of the calls at these places. An id that is used again in a later turn means another call."""
    results: dict[int, ToolResult] = {}
    waiting: dict[str, deque[tuple[int, int]]] = {}
    turn = 0
    for place, node in enumerate(nodes):
        if isinstance(node, ToolCall):
            same = waiting.setdefault(node.call_id, deque())
            if same and same[0][0] != turn:
                same.clear()
            same.append((turn, place))
        elif isinstance(node, ToolResult):
            if calls_of_id := waiting.get(node.call_id):
                results[calls_of_id.popleft()[1]] = node
            turn += 1
        else:
            turn += not isinstance(node, Reasoning | Refusal) and node.role == "user"
    return results


def _result_message(result: ToolResult, *, own: bool) -> Json:
    beside = fields.rest(result.extra, (MESSAGE, calls.OLD)) if own else {}
    if own and result.name is not None:
        beside["name"] = result.name
    parts = [part for each in result.content if _is_said(each) and (part := part_of(each, own=own))]
    content = content_of(parts, own=own)
    if own and calls.OLD in result.extra:
        return {**beside, "role": "function", "content": content}
    return {**beside, "role": "tool", "tool_call_id": result.call_id, "content": content}


def _is_said(part: ResultPart) -> bool:
    """Whether a result can take it here."""
    if isinstance(part, File):
        return (media.file_part(part) or {}).get("type") == "text"
    return isinstance(part, Text | ProviderItem)
