"""What a connection remembers: the conversation up to the last answer that was complete. Pure.

Every turn is sent on with all that came before it, so that any channel can serve it. Items are kept as they were
written.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from monoize.gateway.errors import HistoryTooLarge, PreviousResponseNotFound
from monoize.gateway.websocket.bounds import Bounds
from monoize.gateway.websocket.messages import Members, Wish

_FALSE: Final = b"false"
_NULL: Final = b"null"
_encoder: Final = msgspec.json.Encoder()


class Answer(msgspec.Struct, frozen=True):
    """An answer that is complete, and its items."""

    id: str
    output: Sequence[msgspec.Raw] = ()


class Request(msgspec.Struct, frozen=True):
    """A wish with all that it goes on from."""

    members: Members
    items: Sequence[bytes]
    body: bytes


class Kept(msgspec.Struct, frozen=True):
    """`members` are those of the last request, without its input."""

    id: str
    members: Mapping[str, bytes]
    items: Sequence[bytes]
    size: int


def request_of(wish: Wish, kept: Kept | None, bounds: Bounds) -> Request:
    new = [bytes(item) for item in wish.items]
    if wish.previous is None and not wish.is_append:
        return Request(wish.members, new, _body(wish.members))
    if kept is None or wish.previous not in (kept.id, None):
        raise PreviousResponseNotFound
    items = [*kept.items, *new]
    if len(items) > bounds.items or sum(map(len, items)) > bounds.kept_bytes:
        raise HistoryTooLarge
    before = {name: msgspec.Raw(value) for name, value in kept.members.items()}
    members = {**(before if wish.is_append else wish.members), "input": _array(items)}
    return Request(members, items, _body(members))


def kept_of(request: Request, answer: Answer, bounds: Bounds) -> Kept | None:
    """None when it is too much to keep, or not all of the conversation."""
    members = {name: bytes(value) for name, value in request.members.items() if name not in ("input", "stream")}
    if members.get("conversation", _NULL) != _NULL:
        return None
    is_stored = members.get("store") != _FALSE
    items = [*request.items, *(bytes(item) for item in answer.output if is_stored or not _is_empty_thought(item))]
    size = sum(map(len, items)) + sum(map(len, members.values()))
    if len(items) > bounds.items or size > bounds.kept_bytes:
        return None
    return Kept(answer.id, members, items, size)


class _Item(msgspec.Struct):
    type: str | None = None
    content: list[msgspec.Raw] | None = None
    encrypted_content: str | None = None


_item: Final = msgspec.json.Decoder(_Item)


def _is_empty_thought(item: msgspec.Raw) -> bool:
    """It stands for what its provider knows, who does not keep it; said again it would be refused."""
    try:
        found = _item.decode(item)
    except msgspec.DecodeError:
        return False
    return found.type == "reasoning" and not found.encrypted_content and not found.content


def _body(members: Members) -> bytes:
    return _encoder.encode({**members, "stream": True})


def _array(items: Sequence[bytes]) -> msgspec.Raw:
    return msgspec.Raw(b"[%b]" % b",".join(items))
