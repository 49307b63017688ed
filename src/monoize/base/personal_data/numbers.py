"""Where in a text a number begins that is long enough to be somebody's."""

import re
from collections.abc import Iterator
from typing import Final

# Digits first, since Python skips to them, and only then what must not stand before.
_LONG_NUMBER: Final = re.compile(r"[0-9](?<![\w.][0-9])(?=(?:[ ()./+-]{0,2}[0-9]){7})")


def long_numbers(text: str) -> Iterator[int]:
    """At least eight digits, however they are grouped."""
    for found in _LONG_NUMBER.finditer(text):
        yield found.start()


def digits_of(text: str) -> str:
    return "".join(char for char in text if "0" <= char <= "9")
