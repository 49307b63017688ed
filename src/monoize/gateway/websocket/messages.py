"""What a client says over a WebSocket, as far as that is about the transport. Pure.

A message is the body of a request with a few members more. What is sent on keeps its bytes: items are cut out of a
message and put together again, never written anew.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from monoize.gateway.errors import BackgroundUnsupported, MalformedRequest, MessageUnknown

_OF_TRANSPORT: Final = frozenset(
    {"type", "generate", "client_metadata", "previous_response_id", "background", "stream_id"}
)

Members = Mapping[str, msgspec.Raw]


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """`members` are those of the request that is sent on; what is in its input is in `items` one by one."""

    members: Members
    items: Sequence[msgspec.Raw]
    # It has an input and nothing else: the rest is as it was in the request before.
    is_append: bool = False
    # False: only be ready for what comes next.
    generate: bool = True
    # The id of the answer after which it goes on.
    previous: str | None = None


class _Transport(msgspec.Struct):
    type: str = ""
    generate: bool | None = None
    previous_response_id: str | None = None
    conversation: Any = None
    background: bool | None = None
    stream_id: str | None = None


_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_transport: Final = msgspec.json.Decoder(_Transport)
_list: Final = msgspec.json.Decoder(list[msgspec.Raw])


def read(message: bytes) -> Wish | None:
    """None for what asks for nothing."""
    try:
        members, transport = _members.decode(message), _transport.decode(message)
        match transport.type:
            case "response.create":
                return _create(members, transport)
            case "response.append":
                items = _items(members.get("input"))
                return Wish(members={}, items=items, is_append=True, previous=transport.previous_response_id)
            case "response.processed":
                # Codex has taken an answer in, which changes nothing here.
                return None
    except (msgspec.DecodeError, RecursionError) as problem:
        raise MalformedRequest(f"The message cannot be read: {problem}.", code="invalid_json") from None
    raise MessageUnknown


def _create(members: Members, transport: _Transport) -> Wish:
    if transport.background:
        raise BackgroundUnsupported
    if transport.stream_id is not None:
        raise MalformedRequest("One connection carries one conversation here.", param="stream_id")
    if transport.previous_response_id is not None and transport.conversation is not None:
        raise MalformedRequest("A request goes on from an answer or in a conversation.", param="conversation")
    return Wish(
        members={name: value for name, value in members.items() if name not in _OF_TRANSPORT},
        items=_items(members.get("input")),
        generate=transport.generate is not False,
        previous=transport.previous_response_id,
    )


def _items(given: msgspec.Raw | None) -> Sequence[msgspec.Raw]:
    """A text is what the user says."""
    told = b"null" if given is None else bytes(given)
    if told == b"null":
        return ()
    if told.startswith(b'"'):
        return (msgspec.Raw(b'{"role":"user","content":%b}' % told),)
    return _list.decode(told)
