"""Where a conversation was answered last, so that it goes there again. In memory, for one process.

A provider keeps for a while what it has read of a conversation, and some keep its answers; both are lost on another
account. A conversation is known by what its caller calls it, or else by how it begins. It is bound once an answer
is complete, and let go when its channel fails.
"""

import hashlib
import itertools
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from monoize.contract.grant import Grant
from monoize.gateway.dialects import Seen
from monoize.gateway.protocol.responses.watch import Watched
from monoize.gateway.protocol.urp import Json
from monoize.gateway.selection import Attempt

BINDINGS_MOST: Final = 4_096
SWEEP_EVERY_S: Final = 60.0
NODES_MOST: Final = 8
BYTES_MOST: Final = 16_384
_NAME_CHARS_MOST: Final = 1_024
_PREVIOUS: Final = "previous_response_id"
_NAMES: Final = (
    "prompt_cache_key",
    "session_id",
    "session",
    "conversation_id",
    "conversation",
    "thread_id",
    "thread",
    "user_id",
    "user",
)
_INPUTS: Final = ("messages", "input", "contents")
_OPENING_ROLES: Final = frozenset({None, "system", "developer", "user"})


class Conversation(NamedTuple):
    digest: bytes
    # It goes on from an answer that only one account has.
    is_stored: bool = False


class _Binding(NamedTuple):
    channel_id: str
    revision: int
    bound_at_s: float
    expires_at_s: float


class Affinity:
    def __init__(self) -> None:
        self._bindings: dict[bytes, _Binding] = {}
        self._swept_at_s = 0.0

    def preferred(self, known: Conversation, attempts: Sequence[Attempt], now_s: float) -> Attempt | None:
        """Of `attempts`, which stand in the order of their providers, the one that goes first."""
        binding = self._bindings.get(known.digest)
        if binding is None:
            return None
        found = next((attempt for attempt in attempts if _is_bound(binding, attempt)), None)
        if found is None or now_s >= binding.expires_at_s:
            del self._bindings[known.digest]
            return None
        return None if not known.is_stored and _goes_back(binding, found, attempts[0], now_s) else found

    def bind(self, known: Conversation, attempt: Attempt, now_s: float) -> None:
        """It was answered there."""
        affinity = attempt.channel.affinity
        if affinity is None:
            return
        before = self._bindings.get(known.digest)
        if before is None and len(self._bindings) >= BINDINGS_MOST and not self._made_room(now_s):
            return
        stays = before is not None and before.expires_at_s > now_s and _is_bound(before, attempt)
        bound_at_s = before.bound_at_s if stays and before else now_s
        expires_at_s = now_s + affinity.idle_s
        self._bindings[known.digest] = _Binding(
            attempt.channel.id, attempt.provider.revision, bound_at_s, expires_at_s
        )

    def let_go(self, known: Conversation, attempt: Attempt) -> None:
        """That channel failed."""
        binding = self._bindings.get(known.digest)
        if binding is not None and binding.channel_id == attempt.channel.id:
            del self._bindings[known.digest]

    def _made_room(self, now_s: float) -> bool:
        if now_s >= self._swept_at_s + SWEEP_EVERY_S:
            self._swept_at_s = now_s
            kept = {digest: binding for digest, binding in self._bindings.items() if binding.expires_at_s > now_s}
            self._bindings = kept
        return len(self._bindings) < BINDINGS_MOST


class Bond:
    """What one request has to do with it; nothing, where no channel of its model asks for that."""

    def __init__(self, affinity: Affinity, grant: Grant, model: str, body: Json) -> None:
        self._affinity = affinity
        self._grant = grant
        self._model = model
        self._body = body
        self._known: Conversation | None = None

    def preferred(self, attempts: Sequence[Attempt]) -> Attempt | None:
        if any(attempt.channel.affinity for attempt in attempts):
            self._known = conversation(self._grant, self._model, self._body)
        return self._known and self._affinity.preferred(self._known, attempts, time.monotonic())

    def answered(self, attempt: Attempt, seen: Seen) -> None:
        """Completely."""
        if self._known is None:
            return
        self._affinity.bind(self._known, attempt, time.monotonic())
        if isinstance(seen, Watched) and seen.response_id is not None:
            self._affinity.bind(stored_answer(self._grant, seen.response_id), attempt, time.monotonic())

    def failed(self, attempt: Attempt) -> None:
        if self._known is not None:
            self._affinity.let_go(self._known, attempt)


def conversation(grant: Grant, model: str, body: Json) -> Conversation | None:
    """Which conversation of this key a request belongs to, if that can be told."""
    previous = _name(body.get(_PREVIOUS))
    if previous is not None:
        return stored_answer(grant, previous)
    named = next(_names(body), None)
    if named is not None:
        return Conversation(_digest(grant, model, *named))
    opening = next((some for name in _INPUTS if (some := _opening(body.get(name)))), None)
    return None if opening is None else Conversation(_digest(grant, model, "", opening[:BYTES_MOST]))


def stored_answer(grant: Grant, response_id: str) -> Conversation:
    """What goes on from this answer."""
    return Conversation(_digest(grant, "", _PREVIOUS, response_id), is_stored=True)


def _names(body: Json) -> Iterator[tuple[str, str]]:
    metadata = body.get("metadata")
    # In a body `user` is a word of its protocol, and comes before what others have added.
    for place, names in ((body, ("user", *_NAMES)), (metadata if isinstance(metadata, dict) else {}, _NAMES)):
        for name in names:
            value = _name(place.get(name))
            if value is not None:
                yield name, value


def _name(value: Any) -> str | None:
    if isinstance(value, dict):
        value = value.get("id")
    return value if isinstance(value, str) and 0 < len(value) <= _NAME_CHARS_MOST else None


def _opening(nodes: Any) -> bytes:
    """What a conversation begins with before its first answer: the same in each of its requests."""
    if isinstance(nodes, str):
        return nodes[:BYTES_MOST].encode(errors="replace")
    if not isinstance(nodes, list):
        return b""
    first = list(itertools.takewhile(_is_asking, nodes[:NODES_MOST]))
    return msgspec.json.encode(first) if first else b""


def _is_asking(node: Any) -> bool:
    return (
        isinstance(node, dict) and node.get("role") in _OPENING_ROLES and node.get("type", "message") == "message"
    )


def _digest(grant: Grant, *parts: str | bytes) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for part in (grant.key_id, *parts):
        content = part if isinstance(part, bytes) else part.encode(errors="replace")
        digest.update(b"%d:" % len(content) + content)
    return digest.digest()


def _is_bound(binding: _Binding, attempt: Attempt) -> bool:
    return (
        attempt.channel.affinity is not None
        and binding.channel_id == attempt.channel.id
        and binding.revision == attempt.provider.revision
    )


def _goes_back(binding: _Binding, bound: Attempt, first: Attempt, now_s: float) -> bool:
    """To a provider that comes before, after a while, where that is wanted."""
    affinity = bound.channel.affinity
    if affinity is None or affinity.mode != "prefer_higher_priority" or first.provider.id == bound.provider.id:
        return False
    return now_s >= binding.bound_at_s + affinity.failback_s
