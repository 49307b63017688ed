"""Postal addresses on one line, as English, German and French write them: a number, a street, perhaps a town. Many
others are not found.
"""

import re
from collections.abc import Iterator
from typing import Final

from monoize.base.personal_data.finding import Finding

_CAP: Final = r"[A-ZÀ-ÖØ-Þ][a-zß-öø-ÿ]{1,30}"
_TOWN: Final = rf"{_CAP}(?:[ -]{_CAP}){{0,2}}"
_STREETS: Final = (
    "Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Way|Place|Pl|Square|Sq|Terrace|Parkway"
    "|Pkwy|Highway|Hwy|Close|Crescent|Row"
)
_NUMBER: Final = re.compile(r"[0-9](?<![\w.][0-9])(?=[0-9]{0,4}(?:[A-Za-z]?|,| bis| ter),? [A-Z0-9abcipqr])")
_ENGLISH: Final = re.compile(
    rf"[0-9]{{1,5}}[A-Za-z]? (?:(?:{_CAP}|[NSEW]\.?|[0-9]{{1,3}}(?:st|nd|rd|th)) ){{1,4}}(?:{_STREETS})(?!\w)\.?"
    r"(?:,? (?:Apt|Apartment|Suite|Ste|Unit|Flat)\.? #?[0-9A-Z-]{1,6}(?!\w))?"
    rf"(?P<town>,? {_TOWN},? (?:[A-Z]{{2}},? [0-9]{{5}}(?:-[0-9]{{4}})?"
    r"|[A-Z]{1,2}[0-9][0-9A-Z]? [0-9][A-Z]{2})(?!\w))?"
)
_FRENCH: Final = re.compile(
    r"[0-9]{1,5}(?: bis| ter)?,? (?:rue|avenue|boulevard|place|chemin|allée|impasse|quai) "
    rf"(?:(?:de|du|des|la|le|les) ){{0,2}}(?:[dl]['’])?{_TOWN}(?P<town>,? [0-9]{{5}} {_TOWN})?"
)
_BEFORE_A_NUMBER: Final = re.compile(r" (?=[0-9])")
_ENDINGS: Final = ("straße", "strasse", "str.", "weg", "platz", "allee", "gasse", "ring", "damm", "ufer")
_GERMAN_STREET: Final = re.compile(rf"(?<!\w){_CAP}(?:[ -]{_CAP}){{0,2}}\.?\Z")
_GERMAN_NUMBER: Final = re.compile(rf" [0-9]{{1,4}}[a-z]?(?!\w)(?P<town>, (?:D-)?[0-9]{{4,5}} {_TOWN})?")
_STREET_CHARS: Final = 60
_BOX: Final = re.compile(r"(?:P\. ?O\.|PO) Box [0-9]{1,6}(?!\w)|Postfach [0-9]{1,6}(?!\w)")


def addresses(text: str) -> Iterator[Finding]:
    for number in _NUMBER.finditer(text):
        if found := _ENGLISH.match(text, number.start()) or _FRENCH.match(text, number.start()):
            yield _found(found.start(), found)
    for number in _BEFORE_A_NUMBER.finditer(text):
        before = text[max(0, number.start() - _STREET_CHARS) : number.start()]
        if before.lower().endswith(_ENDINGS) and (street := _GERMAN_STREET.search(before)):
            found = _GERMAN_NUMBER.match(text, number.start())
            if found:
                yield _found(number.start() - len(street[0]), found)
    for box in _BOX.finditer(text):
        yield Finding("address", *box.span(), 0.8)


def _found(start: int, end: re.Match[str]) -> Finding:
    return Finding("address", start, end.end(), 0.8 if end["town"] else 0.6)
