"""The contents of a request made into nodes, with every function call and its result under one id."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from monoize.gateway.protocol import fields, urp
from monoize.gateway.protocol.gemini import parts_in
from monoize.gateway.protocol.gemini.wire import json_text, spelled
from monoize.gateway.protocol.urp import Json

RESULT_PART: Final = "functionResponsePart"
"""What a part of a result is called here that is neither an image nor a file."""

_CALLERS: Final = frozenset({"user", "function", "tool"})
OUTCOMES: Final = ("output", "error")


class Conversation:
    """Ids are optional in this protocol: a call without one gets one, and a result without one belongs to the
    earliest call of its name that still waits for one.
    """

    def __init__(self, contents: Sequence[Any]) -> None:
        self._taken = set(_ids_in(contents))
        self._count = 0
        # Id, name, and whether the id is of our making.
        self._waiting: list[tuple[str, str, bool]] = []

    def nodes_of(self, content: Any, at: str) -> Iterator[urp.Node]:
        if not isinstance(content, dict):
            fields.refuse(at, "an object")
        role = _role(spelled(content), at)
        for part, where in parts_in.parts_of(content, at):
            if parts_in.data_of(part) == "functionResponse":
                yield self._result(part, where)
            else:
                node = parts_in.node_of(part, role, where, self._call_id)
                if node is not None:
                    yield node

    def _call_id(self, given: str | None, name: str) -> str:
        call_id = given or self._new_id()
        self._waiting.append((call_id, name, given is None))
        return call_id

    def _new_id(self) -> str:
        call_id = f"call_{self._count}"
        self._count += 1
        while call_id in self._taken:
            call_id += "_"
        self._taken.add(call_id)
        return call_id

    def _result(self, part: Json, at: str) -> urp.ToolResult:
        at = fields.path(at, "functionResponse")
        result = spelled(fields.given(fields.object_({"_": part["functionResponse"]}, "_"), at))
        given, name = fields.text(result, "id", at) or None, fields.text(result, "name", at) or None
        call_id, called = self._answered(given, name)
        fields.given(name or called, fields.path(at, "name"))
        content, is_error = _outcome(result, at)
        return urp.ToolResult(
            call_id=call_id,
            content=(*content, *_media_in(result, at)),
            name=name or called,
            is_error=is_error,
            extra=fields.rest(result, ("id", "name", "response", "parts")),
        )

    def _answered(self, given: str | None, name: str | None) -> tuple[str, str | None]:
        """The id and the name of the call that this result is of."""
        by_id = (call for call in self._waiting if call[0] == given)
        by_name = (call for call in self._waiting if call[1] == name and (given is None or call[2]))
        found = next(by_id, None) or next(by_name, None)
        if found is None:
            return given or self._new_id(), None
        self._waiting.remove(found)
        return found[0], found[1]


def _role(content: Json, at: str) -> urp.Role:
    role = (fields.text(content, "role", at) or "user").lower()
    if role == "model":
        return "assistant"
    if role not in _CALLERS:
        fields.refuse(fields.path(at, "role"), "user or model")
    return "user"


def _outcome(result: Json, at: str) -> tuple[tuple[urp.Text, ...], bool]:
    """`output` or `error` hold what came out, where they are there; else the whole of it did."""
    response = fields.object_(result, "response", at) or {}
    at = fields.path(at, "response")
    key = next(iter(response)) if len(response) == 1 else None
    value: Any = response[key] if key in OUTCOMES else response or None
    text = value if isinstance(value, str) else json_text(value, at) if value is not None else ""
    return ((urp.Text(role="user", text=text),) if text else ()), key == "error"


def _media_in(result: Json, at: str) -> Iterator[urp.ResultPart]:
    for place, part in enumerate(fields.list_(result, "parts", at) or []):
        where = fields.path(fields.path(at, "parts"), place)
        if not isinstance(part, dict):
            fields.refuse(where, "an object")
        part = spelled(part)
        kind = parts_in.data_of(part)
        node: urp.ResultPart | urp.Audio | None = None
        if kind in ("inlineData", "fileData"):
            node = parts_in.media(spelled(fields.object_(part, kind, where) or {}), kind, "user", where)
        if node is None or isinstance(node, urp.Audio):
            node = urp.ProviderItem(origin="gemini", role="user", item_type=RESULT_PART, body=part)
        yield node


def _ids_in(contents: Sequence[Any]) -> Iterator[str]:
    for content in contents:
        parts = fields.told_object(content) and content.get("parts")
        for part in parts if isinstance(parts, list) else [parts]:
            for value in spelled(fields.told_object(part) or {}).values():
                found = value.get("id") if isinstance(value, dict) else None
                if isinstance(found, str):
                    yield found
