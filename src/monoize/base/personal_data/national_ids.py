"""Numbers that states give to people, of several countries, by their shapes and check digits.

Where a shape alone is any number's, the check digits decide, and what has neither is not looked for.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from monoize.base.personal_data.check_digits import luhn, mod_11_10, verhoeff, weighted
from monoize.base.personal_data.finding import Finding
from monoize.base.personal_data.numbers import digits_of, long_numbers

_DAY_OF_MONTH: Final = r"(?:0[1-9]|[12][0-9]|3[01])"
_MONTH: Final = r"(?:0[1-9]|1[0-2])"
_CHINESE_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_POLISH_WEIGHTS: Final = (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)
_ITALIAN_ODD: Final = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)
_SPANISH_LETTERS: Final = "TRWAGMYFPDXBNJZSQVHLCKE"
_FINNISH_CHARS: Final = "0123456789ABCDEFHJKLMNPRSTUVWXY"


class _Country(NamedTuple):
    """`is_right` is told what was found, without blanks and marks."""

    shape: re.Pattern[str]
    is_right: Callable[[str], bool]
    confidence: float


def _country(shape: str, is_right: Callable[[str], bool], confidence: float) -> _Country:
    return _Country(re.compile(rf"{shape}(?!\w|[.-][0-9])"), is_right, confidence)


def _brazilian(digits: str) -> bool:
    first = weighted(digits[:9], range(10, 1, -1)) * 10 % 11 % 10
    second = weighted(digits[:10], range(11, 1, -1)) * 10 % 11 % 10
    return digits[9:] == f"{first}{second}" and len(set(digits)) > 1


def _chinese(written: str) -> bool:
    return "10X98765432"[weighted(written[:17], _CHINESE_WEIGHTS) % 11] == written[17].upper()


def _finnish(written: str) -> bool:
    return _FINNISH_CHARS[int(digits_of(written)[:9]) % 31] == written[-1]


def _french(digits: str) -> bool:
    return 97 - int(digits[:13]) % 97 == int(digits[13:])


def _german(digits: str) -> bool:
    """One digit of the first ten comes twice or three times, and at least one not at all."""
    often = sorted(map(digits[:10].count, set(digits[:10])))
    return often[-1] in (2, 3) and often[:-1].count(1) == len(often) - 1 and mod_11_10(digits)


def _italian(code: str) -> bool:
    total = 0
    for place, char in enumerate(code[:15]):
        value = int(char) if char.isdigit() else ord(char) - ord("A")
        total += value if place % 2 else _ITALIAN_ODD[value]
    return chr(total % 26 + ord("A")) == code[15]


def _spanish(written: str) -> bool:
    number = written[:-1].translate({ord("X"): "0", ord("Y"): "1", ord("Z"): "2"})
    return _SPANISH_LETTERS[int(number) % 23] == written[-1]


def _swedish(digits: str) -> bool:
    return luhn(digits[-10:])


def _swiss(digits: str) -> bool:
    return weighted(digits, (1, 3) * 6 + (1,)) % 10 == 0


_OF_DIGITS: Final = (
    # United States, by the numbers that are never given out.
    _country(r"(?!000|666|9)[0-9]{3}-(?!00)[0-9]{2}-(?!0000)[0-9]{4}", lambda _: True, 0.7),
    _country(r"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}", _brazilian, 0.95),
    _country(r"[1-9][0-9]{3} [0-9]{4} [0-9]{4}", verhoeff, 0.7),  # India
    _country(r"[1-9][0-9]{2}[ -][0-9]{3}[ -][0-9]{3}", luhn, 0.6),  # Canada
    _country(rf"[1-9][0-9]{{5}}(?:19|20)[0-9]{{2}}{_MONTH}{_DAY_OF_MONTH}[0-9]{{3}}[0-9Xx]", _chinese, 0.95),
    _country(rf"{_DAY_OF_MONTH}{_MONTH}[0-9]{{2}}[-+A][0-9]{{3}}[0-9A-Y]", _finnish, 0.9),
    _country(r"[12] ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}", _french, 0.9),
    _country(r"[1-9][0-9](?: ?[0-9]{3}){3}", _german, 0.7),
    _country(
        rf"[0-9]{{2}}(?:[02468][1-9]|[13579][0-2]){_DAY_OF_MONTH}[0-9]{{5}}",
        lambda digits: weighted(digits, _POLISH_WEIGHTS) % 10 == 0,
        0.7,
    ),
    _country(rf"(?:19|20)?[0-9]{{2}}{_MONTH}{_DAY_OF_MONTH}[-+][0-9]{{4}}", _swedish, 0.8),
    _country(r"756\.[0-9]{4}\.[0-9]{4}\.[0-9]{2}", _swiss, 0.95),
    _country(r"[0-9]{8}-?[A-HJ-NP-TV-Z]", _spanish, 0.8),
)
# By the number of letters that they begin with.
_OF_LETTERS: Final = (
    (1, _country(r"[XYZ]-?[0-9]{7}-?[A-HJ-NP-TV-Z]", _spanish, 0.9)),
    # United Kingdom.
    (
        2,
        _country(
            r"(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]",
            lambda _: True,
            0.75,
        ),
    ),
    (6, _country(r"[A-Z]{6}[0-9]{2}[ABCDEHLMPRST][0-9]{2}[A-Z][0-9]{3}[A-Z]", _italian, 0.95)),
)
_BEHIND_LETTERS: Final = re.compile(r"[0-9](?:(?<=[A-Z][0-9])|(?<=[A-Z][ -][0-9]))(?=[0-9])")
_MARKS: Final = str.maketrans("", "", " .-")


def national_ids(text: str) -> Iterator[Finding]:
    for start in long_numbers(text):
        for country in _OF_DIGITS:
            if found := country.shape.match(text, start):
                yield from _checked(country, found)
    for number in _BEHIND_LETTERS.finditer(text):
        has_gap = text[number.start() - 1] in " -"
        for letters, country in _OF_LETTERS:
            start = number.start() - has_gap - letters
            begins = start == 0 or (start > 0 and not _is_of_a_word(text[start - 1]))
            if begins and (found := country.shape.match(text, start)):
                yield from _checked(country, found)


def _is_of_a_word(char: str) -> bool:
    return char.isalnum() or char == "_"


def _checked(country: _Country, found: re.Match[str]) -> Iterator[Finding]:
    if country.is_right(found[0].translate(_MARKS)):
        yield Finding("national_id", *found.span(), country.confidence)
