"""Addresses of the Internet, of both versions. Those that are nobody's are hardly personal."""

import ipaddress
import re
import string
from collections.abc import Iterator
from typing import Final

from monoize.base.personal_data.finding import Finding

# What is looked for first is rare, and Python skips to it; from there one looks back.
_DOT: Final = re.compile(r"\.(?<=[0-9]\.)(?=[0-9])")
_OCTET: Final = r"(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
_VERSION_4: Final = re.compile(rf"(?<![\w.-]){_OCTET}(?:\.{_OCTET}){{3}}(?![\w-]|\.[0-9])")
_COLONS: Final = re.compile(r":[0-9A-Fa-f]{0,4}:")
_VERSION_6_CHARS: Final = string.hexdigits + ":."
_VERSION_6_MOST: Final = 45


def ip_addresses(text: str) -> Iterator[Finding]:
    for dot in _DOT.finditer(text):
        start = _begin_of(text, dot.start(), string.digits, 3)
        if found := _VERSION_4.match(text, start):
            yield _found(start, ipaddress.IPv4Address(found[0]), found.end())
    if "::" in text or text.count(":") >= 7:
        yield from _of_version_6(text)


def _of_version_6(text: str) -> Iterator[Finding]:
    looked_until = 0
    for colons in _COLONS.finditer(text):
        if colons.start() < looked_until:
            continue
        start = _begin_of(text, colons.start(), string.hexdigits, 5)
        rest = text[start : start + _VERSION_6_MOST + 1]
        run = rest[: len(rest) - len(rest.lstrip(_VERSION_6_CHARS))]
        looked_until = start + len(run)
        written = run.rstrip(".")
        written = written if written.endswith("::") else written.rstrip(":")
        is_apart = not _is_of_a_word(text[max(0, start - 1) : start]) and not _is_of_a_word(rest[len(run) :][:1])
        if is_apart and written.count(":") >= 2 and any(map(str.isdigit, written)):
            try:
                address = ipaddress.IPv6Address(written)
            except ValueError:
                continue
            yield _found(start, address, start + len(written))


def _found(start: int, address: ipaddress.IPv4Address | ipaddress.IPv6Address, end: int) -> Finding:
    return Finding("ip", start, end, 0.9 if address.is_global else 0.4)


def _begin_of(text: str, before: int, chars: str, most: int) -> int:
    """Where the run of these characters begins that ends there."""
    return before - most + len(text[max(0, before - most) : before].rjust(most).rstrip(chars))


def _is_of_a_word(char: str) -> bool:
    return char.isalnum() or char in ("_", ":")
