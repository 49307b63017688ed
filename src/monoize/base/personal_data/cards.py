"""Numbers of payment cards: of a known brand, of its length, with the right check digit."""

import re
from collections.abc import Iterator
from typing import Final

from monoize.base.personal_data.check_digits import luhn
from monoize.base.personal_data.finding import Finding
from monoize.base.personal_data.numbers import digits_of, long_numbers

_SHAPE: Final = re.compile(
    r"(?:[0-9]{4}(?P<gap>[ -])[0-9]{4}(?P=gap)[0-9]{4}(?P=gap)[0-9]{1,4}(?:(?P=gap)[0-9]{1,3})?"
    r"|[0-9]{4}(?P<wide>[ -])[0-9]{6}(?P=wide)[0-9]{4,5}"
    r"|[0-9]{13,19})(?!\w)"
)
_GROUPED: Final = re.compile(r"(?:[0-9]{4}([ -])[0-9]{4}\1[0-9]{4}\1[0-9]{1,4})(?!\w)")
_BRAND: Final = re.compile(
    r"4(?:[0-9]{12}|[0-9]{15}|[0-9]{18})"
    r"|(?:5[1-5][0-9]{2}|222[1-9]|22[3-9][0-9]|2[3-6][0-9]{2}|27[01][0-9]|2720)[0-9]{12}"
    r"|3[47][0-9]{13}"
    r"|3(?:0[0-5]|[68][0-9])[0-9]{11}"
    r"|(?:6011|65[0-9]{2}|64[4-9][0-9])[0-9]{12}"
    r"|35(?:2[89]|[3-8][0-9])[0-9]{12}"
    r"|62[0-9]{14,17}"
    r"|(?:5[0678][0-9]{2}|6304|67[0-9]{2})[0-9]{8,15}"
)


def cards(text: str) -> Iterator[Finding]:
    for start in long_numbers(text):
        # A code or a date may follow in groups of its own.
        for shape in (_SHAPE, _GROUPED):
            found = shape.match(text, start)
            if found and _BRAND.fullmatch(digits := digits_of(found[0])) and luhn(digits):
                yield Finding("card", start, found.end(), 0.95 if found[0] != digits else 0.85)
                break
