"""Names of people, as far as one can tell without knowing them: after a form of address or of introduction, or
beginning with a given name that is common. Others are not found, and not all that are found are names.
"""

import re
from collections.abc import Iterator
from typing import Final

from monoize.base.personal_data.finding import Finding
from monoize.base.personal_data.given_names import GIVEN_NAMES

_WORD: Final = r"[A-ZÀ-ÖØ-Þ](?:['’][A-Z])?[a-zß-öø-ÿ]+(?:[-'’][A-ZÀ-ÖØ-Þ][a-zß-öø-ÿ]+)?(?!\w)"
_PARTICLES: Final = r"(?:(?:von|van|der|den|de|da|di|del|dos|la|le|bin|al|el|zu) ){0,2}"
_MORE: Final = rf"(?: {_PARTICLES}(?:{_WORD}|[A-Z]\.))"
_NAME: Final = re.compile(rf"{_WORD}{_MORE}{{0,3}}")
_FULL_NAME: Final = re.compile(rf"{_WORD}{_MORE}{{1,3}}")
_ADDRESSED: Final = re.compile(
    r"[A-Z](?<!\w[A-Z])(?:(?<=M)(?:r|rs|s|iss|me|lle|onsieur|adame)|(?<=D)r|(?<=P)rof|(?<=H)err|(?<=F)rau"
    r"|(?<=S)(?:r|ra|ir|eñor|eñora)|(?<=L)ady)(?:\. ?|(?<=[a-zñ]) )(?=[A-ZÀ-ÖØ-Þ])"
)
_INTRODUCTIONS: Final = (
    *("name is", "[Nn]ame:", "Name ist", "heiße", "heisse", "m['’]appelle", "llamo"),
    *("[Ss]igned", "[Ss]igned,", "[Rr]egards,", "Dear", "called"),
)
_INTRODUCED: Final = re.compile(
    "[A-ZÀ-ÖØ-Þ](?<=[a-zß,:] .)(?:"
    + "|".join(rf"(?<={words} .)(?<![A-Za-z]{words} .)" for words in _INTRODUCTIONS)
    + ")"
)
_BEGINS: Final = re.compile(rf"{_WORD}(?= (?:{_PARTICLES})[A-ZÀ-ÖØ-Þ])")
_NOBODY: Final = frozenset(
    (
        "Sir",
        "Madam",
        "Team",
        "All",
        "Customer",
        "Customers",
        "Colleagues",
        "Friends",
        "User",
        "Users",
        "Editor",
        "Everyone",
    )
)


def names(text: str) -> Iterator[Finding]:
    for told in _ADDRESSED.finditer(text):
        if found := _NAME.match(text, told.end()):
            yield Finding("name", *found.span(), 0.75)
    for told in _INTRODUCED.finditer(text):
        found = _NAME.match(text, told.start())
        if found and found[0].partition(" ")[0] not in _NOBODY:
            yield Finding("name", *found.span(), 0.65)
    for begun in _BEGINS.finditer(text):
        if begun[0] in GIVEN_NAMES and (found := _FULL_NAME.match(text, begun.start())):
            yield Finding("name", *found.span(), 0.6)
