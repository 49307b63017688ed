"""Whether a text can be somebody's secret at all: keeps placeholders and cut-off pastes out of the fleet."""

import re
from typing import Final

CHARS_LEAST: Final = 24
CHARS_MOST: Final = 16_384
DISTINCT_LEAST: Final = 6
# Long enough that chance does not write one of them into a real token.
_PLACEHOLDERS: Final = (
    "changeme",
    "placeholder",
    "replaceme",
    "yourtoken",
    "yourapikey",
    "youraccesstoken",
    "inserttoken",
    "dummytoken",
    "exampletoken",
    "testtoken",
)


_SEPARATORS: Final = re.compile(r"[\W_]+")


def flaw(token: str) -> str | None:
    """Why this is no token, or None."""
    # Of all white space only the blank counts as printable.
    if " " in token or not token.isprintable():
        return "must not contain white space or control characters"
    if len(token) < CHARS_LEAST:
        return f"must have at least {CHARS_LEAST} characters"
    if len(token) > CHARS_MOST:
        return f"must have at most {CHARS_MOST} characters"
    if len(set(token)) < DISTINCT_LEAST:
        return f"must have at least {DISTINCT_LEAST} different characters"
    letters = _SEPARATORS.sub("", token).lower()
    if any(words in letters for words in _PLACEHOLDERS):
        return "is a placeholder"
    return None
