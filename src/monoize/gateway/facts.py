"""What a request body says that matters for money and routing, in whichever protocol it is written. Pure.

Tokens of the prompt are counted from above without a tokenizer, since nobody has that of every model: a byte of
text is at most a third of a token in what people and programs write. What is sent as base64 counts as what
providers bill for an image or a page, not as its bytes.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from monoize.gateway.errors import MalformedRequest
from monoize.gateway.pictures import Pictures
from monoize.gateway.protocol.urp import Json, Protocol

BYTES_PER_TOKEN: Final = 3
TOKENS_PER_MEDIUM: Final = 3_000
"""Of an image, a page or a sound that is sent along."""
TOKENS_OF_FRAME: Final = 50
"""What a protocol puts around a prompt."""
SEARCHES_MOST: Final = 10
_SEARCHES: Final = frozenset(
    ("googleSearch", "google_search", "googleSearchRetrieval", "google_search_retrieval", "enterpriseWebSearch")
)
OUTPUT_MOST: Final = 1_000_000
CHOICES_MOST: Final = 128

_BASE64_CHARS_LEAST: Final = 1_024
_OUTPUT_NAMES: Final[Mapping[Protocol, tuple[str, ...]]] = {
    "chat": ("max_completion_tokens", "max_tokens"),
    "responses": ("max_output_tokens",),
    "messages": ("max_tokens",),
    "gemini": ("maxOutputTokens", "max_output_tokens"),
}


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    model: str
    stream: bool
    # At most; whatever came from a cache included.
    input_tokens: int
    # None: as many as the model can.
    output_tokens: int | None = None
    # Whether an answer of fewer tokens, which somebody can pay for, is worth something.
    may_be_cut: bool = True
    choices: int = 1
    writes_cache: bool = False
    fast: bool = False
    us_only: bool = False
    web_searches: int = 0
    # Where these are all that is wanted.
    pictures: Pictures | None = None


def read_facts(protocol: Protocol, body: Json, *, model: str | None = None, stream: bool | None = None) -> Facts:
    """`model` and `stream` are given where they stand in the address instead of the body."""
    settings = body
    if protocol == "gemini":
        settings = body.get("generationConfig") or body.get("generation_config") or {}
        if not isinstance(settings, dict):
            raise MalformedRequest("generationConfig is not an object.", param="generationConfig")
    return Facts(
        model=model if model is not None else _text(body, "model"),
        stream=stream if stream is not None else _flag(body, "stream"),
        input_tokens=count_tokens(body),
        output_tokens=_output(protocol, settings),
        choices=_number(settings, "candidateCount" if protocol == "gemini" else "n", CHOICES_MOST) or 1,
        writes_cache=protocol == "messages" and _mentions(body, "cache_control"),
        fast=body.get("speed") == "fast",
        us_only=body.get("inference_geo") == "us",
        web_searches=_searches(body),
    )


def output_name(protocol: Protocol, body: Json) -> str:
    """The member that limits the output, as this body calls it or would."""
    names = _OUTPUT_NAMES[protocol]
    return next((name for name in names if body.get(name) is not None), names[0])


def count_tokens(body: Any) -> int:
    """Never too few for what a body says."""
    bytes_of_text = media = 0
    waiting = [body]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            if _is_medium(value):
                media += 1
            else:
                bytes_of_text += len(value) if value.isascii() else len(value.encode(errors="replace"))
        elif isinstance(value, dict):
            waiting += value.values()
            # Names are read by the model where they stand in a schema, and cost little where they do not.
            bytes_of_text += sum(map(len, value))
        elif isinstance(value, list):
            waiting += value
        else:
            bytes_of_text += BYTES_PER_TOKEN
    return TOKENS_OF_FRAME + media * TOKENS_PER_MEDIUM + -(-bytes_of_text // BYTES_PER_TOKEN)


def _is_medium(text: str) -> bool:
    if len(text) < _BASE64_CHARS_LEAST:
        return False
    return text.startswith("data:") or (text.isascii() and not any(mark in text[:4096] for mark in " \n{<"))


def _output(protocol: Protocol, settings: Json) -> int | None:
    for name in _OUTPUT_NAMES[protocol]:
        if (found := _number(settings, name, OUTPUT_MOST)) is not None:
            return found
    return None


def _number(body: Json, name: str, most: int) -> int | None:
    value = body.get(name)
    if value is None:
        return None
    if type(value) is not int or not 0 <= value <= most:
        raise MalformedRequest(f"{name} is a whole number from 0 to {most}.", param=name)
    return value


def _text(body: Json, name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= 191:
        raise MalformedRequest(f"{name} is a text of 1 to 191 characters.", param=name)
    return value


def _flag(body: Json, name: str) -> bool:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise MalformedRequest(f"{name} is true or false.", param=name)
    return bool(value)


def _mentions(body: Any, name: str) -> bool:
    waiting = [body]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if name in value:
                return True
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    return False


def _searches(body: Json) -> int:
    """How many searches the model may make by itself."""
    found = 0 if body.get("web_search_options") is None else SEARCHES_MOST
    tools = body.get("tools")
    for tool in tools if isinstance(tools, list) else ():
        if isinstance(tool, dict) and (
            str(tool.get("type", "")).startswith("web_search") or not _SEARCHES.isdisjoint(tool)
        ):
            uses = tool.get("max_uses")
            found += uses if type(uses) is int and 0 <= uses <= SEARCHES_MOST else SEARCHES_MOST
    return min(found, SEARCHES_MOST)
