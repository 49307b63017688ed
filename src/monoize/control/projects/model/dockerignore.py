"""What of a folder belongs to the context of a build: `.dockerignore`, as Docker's own client reads it.

Patterns hold from the root of the context, `*` stays within a name, `**` crosses folders, `!` takes something back
in, and the last pattern that fits decides. What fits a folder fits all that lies in it.
"""

import posixpath
import re
from collections.abc import Sequence
from typing import Final

FILE: Final = ".dockerignore"
PATTERNS_MOST: Final = 1_000
PATTERN_CHARS_MOST: Final = 500

Rules = Sequence[tuple[re.Pattern[str], bool]]


def rules(text: str) -> Rules:
    """Each pattern with whether it leaves out (or takes back in); ValueError for what cannot be read."""
    found: list[tuple[re.Pattern[str], bool]] = []
    for line in text.removeprefix("\ufeff").splitlines():
        pattern = line.strip()
        if not pattern or line.startswith("#"):
            continue
        leaves_out = not pattern.startswith("!")
        cleaned = posixpath.normpath(pattern.removeprefix("!").strip()).lstrip("/")
        if cleaned in ("", "."):
            continue
        if len(cleaned) > PATTERN_CHARS_MOST or len(found) >= PATTERNS_MOST:
            raise ValueError(f"{FILE} has more or longer patterns than are read")
        found.append((re.compile(_as_regex(cleaned), re.DOTALL), leaves_out))
    return found


def is_left_out(path: str, of: Rules) -> bool:
    """Whether this path, relative and with `/`, stays behind."""
    left_out = False
    for pattern, leaves_out in of:
        if leaves_out != left_out and pattern.fullmatch(path):
            left_out = leaves_out
    return left_out


def takes_back_in(of: Rules) -> bool:
    """Whether a folder that is left out may yet hold something that is not."""
    return any(not leaves_out for _, leaves_out in of)


def _as_regex(pattern: str) -> str:
    said, at = "", 0
    while at < len(pattern):
        char = pattern[at]
        if pattern.startswith("**", at):
            at += 2
            if pattern.startswith("/", at):
                at += 1
                said += "(?:[^/]+/)*"
            else:
                said += ".*"
            continue
        if char == "[" and (end := pattern.find("]", at + 2)) != -1:
            inner = pattern[at + 1 : end]
            negated = inner.startswith("^")
            said += "[" + ("^/" if negated else "") + _class(inner.removeprefix("^")) + "]"
            at = end + 1
            continue
        if char == "\\" and at + 1 < len(pattern):
            at += 1
            said += re.escape(pattern[at])
        else:
            said += {"*": "[^/]*", "?": "[^/]"}.get(char) or re.escape(char)
        at += 1
    return f"{said}(?:/.*)?"


def _class(inner: str) -> str:
    """The inside of `[…]`: ranges stay, everything else means itself."""
    out = ""
    for at, char in enumerate(inner):
        is_range = char == "-" and 0 < at < len(inner) - 1 and inner[at - 1] <= inner[at + 1]
        out += "-" if is_range else re.escape(char)
    return out
