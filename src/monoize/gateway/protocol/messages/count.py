"""How many tokens a request has, guessed for want of a provider that could count them: `estimate_input_tokens`.

The guess is meant to be rather too high than too low. Its rules, none of which knows a tokenizer:

- Text has a token for every three bytes of UTF-8: about every three letters of English, of which there are rather
  four, and every sign of what is written in signs.
- Names count like text: what surrounds a text on the wire stands for what surrounds it in the prompt.
- An image has a token for every hundred bytes, but at least the 1,600 of a common one, and at most the 4,800 to
  which the largest are scaled down.
- A document has a token for every ten bytes of its file, and at least the 3,000 of a page.
- What is only referred to counts as a common image, or as ten pages.
- Encrypted thinking has a token for every four characters, or as many as its text, if that is more.
- Each tool adds a few tokens, and so do tools as such.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from monoize.gateway.protocol.urp import Json

BYTES_PER_TOKEN: Final = 3
IMAGE_MOST: Final = 4_800
IMAGE_COMMON: Final = 1_600
IMAGE_BYTES_PER_TOKEN: Final = 100
PAGE: Final = 3_000
DOCUMENT_BYTES_PER_TOKEN: Final = 10
DOCUMENT_COMMON: Final = 10 * PAGE
SEALED_CHARACTERS_PER_TOKEN: Final = 4
TOOLS_AS_SUCH: Final = 350
ONE_TOOL: Final = 20
PROVIDERS_TOOL: Final = 800
REQUEST: Final = 8

_COUNTED: Final = ("system", "messages", "tools", "output_config")
_BASE64_CHARACTERS: Final = 4
_BASE64_BYTES: Final = 3


def estimate_input_tokens(body: Json) -> int:
    """Of the body of a `messages` or `count_tokens` request, of whatever shape: it never fails."""
    if not isinstance(body, dict):
        return 0
    tools = body.get("tools")
    waiting: list[Any] = [body.get(name) for name in _COUNTED]
    tokens = REQUEST + _tools(tools if isinstance(tools, list) else [])
    text_bytes = 0
    while waiting:
        match waiting.pop():
            case str() as text:
                text_bytes += _size(text)
            case Mapping() as found:
                whole = _whole(found)
                if whole is not None:
                    tokens += whole
                    continue
                text_bytes += sum(_size(name) for name in found)
                waiting += found.values()
            case list() as found:
                waiting += found
            case int() | float() as number:
                text_bytes += len(repr(number)) if abs(number) < 10**18 else BYTES_PER_TOKEN * 16
    return tokens + _divided(text_bytes, BYTES_PER_TOKEN)


def _tools(tools: Sequence[Any]) -> int:
    if not tools:
        return 0
    kinds = [tool.get("type") for tool in tools if isinstance(tool, dict)]
    of_providers = sum(kind not in (None, "custom") for kind in kinds)
    return TOOLS_AS_SUCH + ONE_TOOL * len(tools) + PROVIDERS_TOOL * of_providers


def _whole(block: Mapping[str, Any]) -> int | None:
    """What does not count by its text."""
    match block.get("type"):
        case "image":
            return _image(block.get("source"))
        case "document":
            return _document(block.get("source"))
        case "thinking":
            return max(_text(block.get("thinking")), _sealed(block.get("signature")))
        case "redacted_thinking":
            return _sealed(block.get("data"))
        case _:
            return None


def _image(source: Any) -> int:
    size = _file_size(source)
    if size is None:
        return IMAGE_COMMON
    return min(IMAGE_MOST, max(IMAGE_COMMON, _divided(size, IMAGE_BYTES_PER_TOKEN)))


def _document(source: Any) -> int | None:
    """None for one that is text: that counts like all text."""
    if isinstance(source, Mapping) and source.get("type") in ("text", "content"):
        return None
    size = _file_size(source)
    return DOCUMENT_COMMON if size is None else max(PAGE, _divided(size, DOCUMENT_BYTES_PER_TOKEN))


def _file_size(source: Any) -> int | None:
    data = source.get("data") if isinstance(source, Mapping) else None
    return len(data) * _BASE64_BYTES // _BASE64_CHARACTERS if isinstance(data, str) else None


def _sealed(data: Any) -> int:
    return _divided(len(data), SEALED_CHARACTERS_PER_TOKEN) if isinstance(data, str) else 0


def _text(text: Any) -> int:
    return _divided(_size(text), BYTES_PER_TOKEN) if isinstance(text, str) else 0


def _size(text: str) -> int:
    return len(text.encode(errors="surrogatepass"))


def _divided(amount: int, by: int) -> int:
    return -(-amount // by)
