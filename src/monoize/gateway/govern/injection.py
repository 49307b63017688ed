"""Signs that a text which a tool has fetched speaks to the model instead of its reader. Pure, and no more than
signs: whoever words it otherwise is not noticed.

By default every governed request is looked through. Hence texts are searched for words first, which takes next to
nothing, and an expression is asked only where one stands.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final, Literal
from urllib.parse import parse_qsl, urlsplit

from monoize.gateway.slices import breathe

Sign = Literal["instructions", "hidden_text", "exfiltration_link"]
_Phrase = tuple[Sequence[str], re.Pattern[str]]
"""The words that it begins with, and all of it; in small letters."""

_GAP: Final = r"[ \t\n]{1,4}"
_PHRASES: Final[Sequence[_Phrase]] = (
    (
        ("ignore", "disregard", "forget", "override", "bypass"),
        re.compile(
            rf"\b[a-z]+{_GAP}(?:(?:all|any|every|the|your|of|my|these){_GAP}){{0,4}}"
            rf"(?:previous|prior|above|earlier|preceding|foregoing|original|system|developer){_GAP}"
            r"(?:instruction|prompt|rule|direction|message|guideline|context)"
        ),
    ),
    (
        ("ignoriere", "vergiss", "missachte"),
        re.compile(
            rf"\b[a-z]+{_GAP}(?:(?:alle|die|deine|bisherigen|vorherigen|obigen|vorigen){_GAP}){{1,4}}"
            r"(?:anweisung|instruktion|regel|vorgabe)"
        ),
    ),
    (
        ("ignore", "oublie"),
        re.compile(rf"\b[a-z]+{_GAP}(?:(?:toutes|les|tes|vos){_GAP}){{1,3}}(?:instruction|consigne|règle)"),
    ),
    (
        ("ignora", "olvida"),
        re.compile(rf"\b[a-z]+{_GAP}(?:(?:todas|las|tus|sus){_GAP}){{1,3}}(?:instruccion|regla|indicacion)"),
    ),
    (
        ("do",),
        re.compile(
            rf"\bdo{_GAP}not{_GAP}(?:tell|inform|(?:mention|reveal){_GAP}(?:this|it){_GAP}to){_GAP}the{_GAP}user"
        ),
    ),
    (
        ("you",),
        re.compile(
            rf"\byou{_GAP}are{_GAP}now{_GAP}(?:in{_GAP}(?:developer|debug|admin|god|dan)|an?{_GAP}unrestricted|dan\b)"
        ),
    ),
    (
        ("new", "updated", "real"),
        re.compile(rf"\b[a-z]+{_GAP}(?:system{_GAP}(?:prompt|instructions?|message)|instructions)[ \t]{{0,2}}:"),
    ),
)
_MARKS_WRITTEN: Final = """
    <|im_start|> <|im_end|> <|system|> <|endoftext|> <|start_header_id|> [inst] [/inst] <<sys>> <</sys>>
    <system> </system> <system_prompt> </system_prompt> <system-reminder> </system-reminder>
    <developer_message> </developer_message>
"""
_MARKS: Final = tuple(_MARKS_WRITTEN.split())
"""By which templates of conversations tell who speaks."""
_TAGS: Final = re.compile("[\U000e0001\U000e0020-\U000e007f]")
_FLAG: Final = re.compile("\U0001f3f4[\U000e0020-\U000e007e]{1,8}\U000e007f")
_TURNED: Final = re.compile("[\u202a-\u202e\u2066-\u2069]")
_INVISIBLE: Final = re.compile("[\u200b\u200c\u2060-\u2064\ufeff]{4}|[\ufe00-\ufe0f\U000e0100-\U000e01ef]{4}")

_LINKS: Final[Sequence[_Phrase]] = (
    (("](",), re.compile(r"\]\([ \t]{0,2}(?P<url>https?://[^\s)]{1,2000})")),
    (("<img",), re.compile(r"<img[^>]{0,200}?\ssrc=[\"']?(?P<url>https?://[^\s\"'>]{1,2000})")),
)
_PLACEHOLDER: Final = re.compile(
    r"[{<\[$%][A-Za-z_ -]{2,}|(?i:secret|api_?key|password|conversation|history|system_?prompt|your_)"
)
_DATA_CHARS_LEAST: Final = 80


def signs_in(text: str) -> Iterator[Sign]:
    breathe()
    lowered = text.lower()
    if _is_marked(lowered) or any(True for _ in _found(_PHRASES, lowered)):
        yield "instructions"
    if not text.isascii() and _is_hiding(text):
        yield "hidden_text"
    if "http" in text and any(_carries_data(found["url"]) for found in _found(_LINKS, text)):
        yield "exfiltration_link"


def _is_marked(text: str) -> bool:
    return ("<" in text or "inst]" in text) and any(mark in text for mark in _MARKS)


def _found(phrases: Sequence[_Phrase], text: str) -> Iterator[re.Match[str]]:
    for words, phrase in phrases:
        for word in words:
            breathe()
            place = text.find(word)
            while place >= 0:
                if found := phrase.match(text, place):
                    yield found
                breathe()
                place = text.find(word, place + 1)


def _is_hiding(text: str) -> bool:
    """Flags of regions are written with tags, and right-to-left scripts mark no more than single words."""
    return bool(_TAGS.search(_FLAG.sub("", text)) or _TURNED.search(text) or _INVISIBLE.search(text))


def _carries_data(url: str) -> bool:
    """A query to be filled in, or one that is filled with more than a page needs to be found."""
    try:
        query = urlsplit(url).query
    except ValueError:
        return False
    values = [value for _, value in parse_qsl(query, max_num_fields=50)] if query.count("&") < 50 else [query]
    return any(len(value) >= _DATA_CHARS_LEAST or _PLACEHOLDER.search(value) for value in values)
