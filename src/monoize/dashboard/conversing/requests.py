"""What a prompt becomes on the wire, in the words of each protocol that the gateway speaks. Pure."""

import dataclasses
import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import quote

from monoize.dashboard.conversing.turns import Turn, nodes_of
from monoize.dashboard.forms import invalid
from monoize.dashboard.snippets import KEY_UNKNOWN
from monoize.gateway import dialects
from monoize.gateway.dialects import Dialect
from monoize.gateway.protocol.errors import BadRequest
from monoize.gateway.protocol.urp import Conversation, Json, Request, Text, Tool

PROTOCOLS: Final[Mapping[Conversation, str]] = {
    "chat": "OpenAI Chat Completions",
    "responses": "OpenAI Responses",
    "messages": "Anthropic Messages",
    "gemini": "Google Gemini",
}
_DIALECTS: Final[Mapping[Conversation, Dialect]] = {
    "chat": dialects.CHAT,
    "responses": dialects.RESPONSES,
    "messages": dialects.MESSAGES,
    "gemini": dialects.GEMINI,
}


@dataclasses.dataclass(frozen=True, slots=True)
class Prompt:
    """All but the conversation itself, which each model has its own of."""

    protocol: Conversation
    system: str | None = None
    tokens_most: int | None = None
    tools: Sequence[Tool] = ()

    @property
    def dialect(self) -> Dialect:
        return _DIALECTS[self.protocol]


@dataclasses.dataclass(frozen=True, slots=True)
class Wired:
    """`path` is at the gateway, with its query."""

    path: str
    body: Json

    @property
    def shown(self) -> str:
        return json.dumps(self.body, indent=2, ensure_ascii=False)

    def curl(self, address: str) -> str:
        """The same from a shell, by whoever has a key; `address` is ours, without a path."""
        return " \\\n  ".join(
            (
                f"curl -N {shlex.quote(address + self.path)}",
                f"-H {shlex.quote(f'Authorization: Bearer {KEY_UNKNOWN}')}",
                "-H 'Content-Type: application/json'",
                f"-d {shlex.quote(json.dumps(self.body, ensure_ascii=False))}",
            )
        )


def wired(prompt: Prompt, model: str, turns: Sequence[Turn]) -> Wired:
    system = [Text(role="system", text=prompt.system)] if prompt.system else []
    request = Request(
        model=model,
        input=[*system, *nodes_of(turns)],
        stream=True,
        max_output_tokens=prompt.tokens_most,
        tools=prompt.tools,
        origin=prompt.protocol,
    )
    try:
        body = prompt.dialect.encode_request(request, model=model, stream=True)
    except BadRequest as problem:
        raise invalid(prompt=problem.message) from None
    assert isinstance(body, dict), "only images are asked for in forms"
    return Wired(dialects.address(prompt.dialect, "", quote(model, safe=""), stream=True), body)
