"""What has to be known of a model by its name alone, because its provider speaks this protocol in its own way."""

from typing import Final

_DEEPSEEK: Final = "deepseek"
_READ_THEIR_THOUGHTS: Final = (_DEEPSEEK, "kimi")


def is_deepseek(model: str) -> bool:
    return _DEEPSEEK in model.lower()


def wants_its_thoughts(model: str) -> bool:
    """In a tool loop they refuse a call without the `reasoning_content` it came with. Others refuse the member."""
    name = model.lower()
    return any(word in name for word in _READ_THEIR_THOUGHTS)
