"""How long the prompt is that Anthropic puts before one with tools, by model and choice. Pure.

It is among the tokens of the input that are reported and paid already: this only says which part of them it is.
"""

import re
from collections.abc import Mapping
from typing import Final

from monoize.contract.events import ToolChoice

PROVIDER: Final = "anthropic"

# Where the model may choose (auto, none), and where it has to call (any, or one that is named).
_TOKENS: Final[Mapping[str, tuple[int, int]]] = {
    "claude-opus-5": (286, 406),
    "claude-opus-4-8": (290, 410),
    "claude-opus-4-7": (675, 804),
    "claude-opus-4-6": (497, 589),
    "claude-opus-4-5": (496, 588),
    "claude-opus-4-1": (313, 315),
    "claude-opus-4": (313, 315),
    "claude-sonnet-5": (354, 474),
    "claude-sonnet-4-6": (497, 589),
    "claude-sonnet-4-5": (496, 588),
    "claude-sonnet-4": (313, 315),
    "claude-haiku-4-5": (496, 588),
    "claude-3-7-sonnet": (346, 313),
    "claude-3-5-sonnet": (294, 261),
    "claude-3-5-haiku": (264, 340),
    "claude-3-opus": (530, 281),
    "claude-3-sonnet": (159, 235),
    "claude-3-haiku": (264, 340),
}
_RELEASED: Final = re.compile(r"-(?:[0-9]{8}|0|latest)$")


def tool_prompt_tokens(provider: str, model: str, choice: ToolChoice | None) -> int | None:
    """None: nobody has published it. Without tools there is none."""
    if provider != PROVIDER:
        return None
    if choice is None:
        return 0
    found = _TOKENS.get(_RELEASED.sub("", model))
    return found and found[choice in ("any", "tool")]
