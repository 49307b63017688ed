"""Nodes made into turns: system text on its own, then callers and assistants by turns.

A call and its result belong together: the result stands at the beginning of the turn right after the call's,
wherever it stood before, and what has no counterpart is left out. Ids are made what Anthropic takes, each once.
"""

import hashlib
import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Literal

import msgspec

from monoize.gateway.protocol.urp import Json, Node, ProviderItem, Reasoning, Refusal, Text, ToolCall, ToolResult

_NOT_OF_IDS: Final = re.compile(r"[^a-zA-Z0-9_-]")
_SYSTEM: Final = ("system", "developer")

BlockOf = Callable[[Node], Json | None]
"""None for a node that cannot be said."""


class Turns:
    def __init__(self, nodes: Sequence[Node], block_of: BlockOf) -> None:
        self.system: list[Json] = []
        self.messages: list[Json] = []
        self._block_of = block_of
        self._unanswered: list[ToolResult] = []
        nodes = _joined(nodes)
        results, ids = _answered(nodes), _Ids()
        for place, node in enumerate(nodes):
            if isinstance(node, ToolResult):
                self._answer()
            elif not isinstance(node, ToolCall):
                self._say(_side_of(node), block_of(node))
            elif place in results:
                call_id = ids.another(node.call_id)
                self._say("assistant", block_of(msgspec.structs.replace(node, call_id=call_id)))
                self._unanswered.append(msgspec.structs.replace(results[place], call_id=call_id))
        self._answer()

    def _say(self, side: Literal["system", "user", "assistant"], block: Json | None) -> None:
        if block is None:
            return
        if side == "system":
            self.system.append(block)
            return
        if side == "user":
            self._answer()
        if not self.messages or self.messages[-1]["role"] != side:
            self.messages.append({"role": side, "content": []})
        self.messages[-1]["content"].append(block)

    def _answer(self) -> None:
        results, self._unanswered = self._unanswered, []
        for result in results:
            self._say("user", self._block_of(result))


class _Ids:
    def __init__(self) -> None:
        self._times: dict[str, int] = {}

    def another(self, call_id: str) -> str:
        clean = _NOT_OF_IDS.sub("_", call_id)
        if clean != call_id or not clean:
            digest = hashlib.blake2b(call_id.encode(errors="surrogatepass"), digest_size=4)
            clean = f"{clean}_{digest.hexdigest()}"
        name = clean
        while name in self._times:
            self._times[clean] += 1
            name = f"{clean}_{self._times[clean]}"
        self._times[name] = 1
        return name


def _side_of(node: Node) -> Literal["system", "user", "assistant"]:
    match node:
        case Reasoning() | Refusal():
            return "assistant"
        case Text() | ProviderItem() if node.role in _SYSTEM:
            return "system"
        case ToolCall() | ToolResult():
            raise AssertionError("calls and results have their own way")
        case _:
            return "assistant" if node.role == "assistant" else "user"


def _answered(nodes: Iterable[Node]) -> Mapping[int, ToolResult]:
    """The results of the calls at these places. An id that is used again in a later turn means another call."""
    results: dict[int, ToolResult] = {}
    waiting: dict[str, deque[tuple[int, int]]] = {}
    turn = 0
    for place, node in enumerate(nodes):
        match node:
            case ToolCall(kind="function"):
                same = waiting.setdefault(node.call_id, deque())
                if same and same[0][0] != turn:
                    same.clear()
                same.append((turn, place))
            case ToolResult():
                if same_id := waiting.get(node.call_id):
                    results[same_id.popleft()[1]] = node
                turn += 1
            case _:
                turn += _is_callers(node)
    return results


def _is_callers(node: Node) -> bool:
    return not isinstance(node, ToolCall | ToolResult) and _side_of(node) == "user"


def _joined(nodes: Iterable[Node]) -> Sequence[Node]:
    """What was thought and its signature, where they came apart, are one."""
    joined: list[Node] = []
    for node in nodes:
        before = joined[-1] if joined else None
        if (
            isinstance(node, Reasoning)
            and isinstance(before, Reasoning)
            and _is_signature(node)
            and not before.encrypted
        ):
            joined[-1] = msgspec.structs.replace(node, content=before.content, summary=before.summary)
        else:
            joined.append(node)
    return joined


def _is_signature(node: Reasoning) -> bool:
    is_alone = not node.content and not node.summary and "type" not in node.extra
    return bool(node.encrypted) and node.origin == "messages" and is_alone
