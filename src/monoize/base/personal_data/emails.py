"""Addresses of e-mail: from each @ to the left and to the right."""

import re
import string
from collections.abc import Iterator
from typing import Final

from monoize.base.personal_data.finding import Finding

_LOCAL: Final = string.ascii_letters + string.digits + "._%+-"
_LOCAL_MOST: Final = 64
_LABEL_CHAR: Final = "0-9A-Za-z\u00c0-\u024f"
_DOMAIN: Final = re.compile(
    rf"(?:[{_LABEL_CHAR}][{_LABEL_CHAR}-]{{0,62}}+\.){{1,8}}(?:[A-Za-z]{{2,24}}|xn--[0-9A-Za-z]{{2,50}})(?![0-9A-Za-z-])"
)
_NOBODY: Final = frozenset({"git", "hg", "svn"})


def emails(text: str) -> Iterator[Finding]:
    at = text.find("@")
    while at >= 0:
        local = text[max(0, at - _LOCAL_MOST) : at]
        start = at - len(local) + len(local.rstrip(_LOCAL))
        start += len(text[start:at]) - len(text[start:at].lstrip(".-%"))
        domain = _DOMAIN.match(text, at + 1) if start < at else None
        if domain:
            yield Finding("email", start, domain.end(), 0.3 if text[start:at] in _NOBODY else 0.95)
        at = text.find("@", at + 1)
