"""Numbers of telephones: written as such, or beside a word that says so."""

import re
from collections.abc import Iterator
from typing import Final

from monoize.base.personal_data.finding import Finding

_START: Final = re.compile(r"[0-9+(](?<![\w.+/-][0-9+(])(?=(?:[ ()./-]{0,2}[0-9]){6})")
_INTERNATIONAL: Final = re.compile(r"(?:\+|(?<![0-9] )00)[1-9](?:[ ()./-]{0,2}[0-9]){6,13}(?!\w)")
_AMERICAN: Final = re.compile(
    r"(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[ .-])[2-9][0-9]{2}[ .-][0-9]{4}(?!\w|[.-][0-9])"
)
_NATIONAL: Final = re.compile(
    r"(?<![0-9] )(?:\(0[1-9][0-9]{0,4}\)|0[1-9][0-9]{0,4})[ /.-](?:[ /.-]?[0-9]){5,10}(?!\w|[.-][0-9])"
)
_DATE: Final = re.compile(r"[0-9]{1,2}[./-][0-9]{1,2}[./-][0-9]{2,4}(?![0-9])")
_ANY: Final = re.compile(r"(?:\([0-9]{1,5}\)|[0-9])(?:[ ()./-]{0,2}[0-9]){3,13}(?!\w)")
_CALLED: Final = re.compile(
    r"(?i)(?<![^\W_])(?:phone|telephone|tel|mobile|cell|call|fax|whatsapp|handy|telefon|mobil|rufnummer)"
    r"(?:[ .:]{1,2}(?:number|no|nr|is|me|at|on|us)){0,3}[\"']?[ .:=]{0,3}[\"']?\Z"
)
_CONTEXT_CHARS: Final = 40


def phones(text: str) -> Iterator[Finding]:
    for found in _START.finditer(text):
        start = found.start()
        if whole := _INTERNATIONAL.match(text, start):
            yield Finding("phone", start, whole.end(), 0.9 if whole[0].startswith("+") else 0.6)
        elif _DATE.match(text, start):
            continue
        elif _CALLED.search(text[max(0, start - _CONTEXT_CHARS) : start]) and (whole := _ANY.match(text, start)):
            yield Finding("phone", start, whole.end(), 0.85)
        elif whole := _AMERICAN.match(text, start) or _NATIONAL.match(text, start):
            yield Finding("phone", start, whole.end(), 0.65)
