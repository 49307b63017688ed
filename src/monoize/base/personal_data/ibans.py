"""International bank account numbers: of a country's length, with the right check digits."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from monoize.base.personal_data.check_digits import mod_97_is_one
from monoize.base.personal_data.finding import Finding

_LENGTHS: Final[Mapping[str, int]] = {
    country: length
    for length, countries in {
        15: "NO",
        16: "BE",
        18: "DK FI FO GL NL SD",
        19: "MK SI",
        20: "AT BA EE KZ LT LU MN XK",
        21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA",
        23: "AE GI IL IQ OM SO TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG",
        25: "LY PT ST",
        26: "IS TR",
        27: "BI DJ FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HU LB NI PL SV",
        29: "BR EG PS QA UA",
        30: "JO KW MU YE",
        31: "MT SC",
        32: "LC",
        33: "RU",
    }.items()
    for country in countries.split()
}
_HEAD: Final = re.compile(r"[0-9](?<=[A-Z]{2}[0-9])(?<!\w[A-Z]{2}[0-9])(?=[0-9])")
_REST: Final = re.compile(r"(?:[ -]?[0-9A-Z])*+")
_CHARS_MOST: Final = 68


def ibans(text: str) -> Iterator[Finding]:
    for head in _HEAD.finditer(text):
        start = head.start() - 2
        length = _LENGTHS.get(text[start : start + 2])
        end = _end_of(text, start, length) if length else None
        if end is not None and mod_97_is_one(_compact(text[start:end])):
            yield Finding("iban", start, end, 0.95)


def _end_of(text: str, start: int, length: int) -> int | None:
    """After so many letters and digits, if a word ends there."""
    run = _REST.match(text, start, start + _CHARS_MOST)
    assert run is not None
    count = 0
    for end, char in enumerate(run[0], start + 1):
        count += char not in " -"
        if count == length:
            return None if text[end : end + 1].isalnum() else end
    return None


def _compact(written: str) -> str:
    return written.replace(" ", "").replace("-", "")
