"""Secrets: keys in the shapes that providers give them, private keys, tokens beside a word that says so, passwords
in addresses and in assignments. A password that stands alone is a word like any other.
"""

import math
import re
import string
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from monoize.base.personal_data.finding import Finding

PRIVATE_KEY_MOST: Final = 16_384
PRIVATE_KEY_BEGIN: Final = "-----BEGIN "
_PRIVATE_KEY: Final = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_PRIVATE_KEY_END: Final = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")

_SHAPES: Final = (
    r"sk-(?:ant-|proj-|or-v1-|svcacct-)?[\w-]{20,}",  # OpenAI, Anthropic, OpenRouter
    r"(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}(?![0-9A-Z])",  # AWS
    r"gh[oprsu]_[0-9A-Za-z]{36,}|github_pat_\w{40,}",
    r"glpat-[\w-]{20,}|glrt-[\w-]{20,}",
    r"xox[abeoprs]-[0-9A-Za-z-]{10,}|xapp-[0-9A-Za-z-]{20,}",  # Slack
    r"AIza[\w-]{35}|ya29\.[\w-]{20,}|GOCSPX-[\w-]{20,}",  # Google
    r"(?:sk|rk)_(?:live|test)_[0-9A-Za-z]{16,}|whsec_[0-9A-Za-z+/=]{24,}",  # Stripe
    r"hf_[0-9A-Za-z]{30,}|r8_[0-9A-Za-z]{30,}|gsk_[0-9A-Za-z]{40,}|xai-[0-9A-Za-z]{60,}|pplx-[0-9A-Za-z]{40,}",
    r"npm_[0-9A-Za-z]{36}|pypi-[\w-]{50,}|dckr_pat_[\w-]{20,}",
    r"SG\.[\w-]{16,}\.[\w-]{16,}|SK[0-9a-f]{32}(?![0-9a-f])|key-[0-9a-f]{32}(?![0-9a-f])",
    r"do[opr]_v1_[0-9a-f]{64}|shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}|AGE-SECRET-KEY-1[0-9A-Z]{50,}",
    r"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}",  # JSON Web Tokens
)
_SHAPE: Final = re.compile(rf"(?<![\w-])(?:{'|'.join(_SHAPES)})")


def _ends(marks: str) -> str:
    return "|".join(f"(?<={re.escape(mark)})" for mark in marks.split())


# What some shape begins with. Python skips to a character much faster than it tries so many beginnings.
_DASHED: Final = re.compile(
    rf"-(?:{_ends('sk- glpat- glrt- xapp- GOCSPX- xai- pplx- pypi- key- KEY-')}|(?<=xox.-))"
)
_UNDERSCORED: Final = re.compile(
    rf"_(?:{_ends('_live_ _test_ github_pat_ whsec_ hf_ r8_ gsk_ npm_ dckr_pat_ _v1_')}"
    r"|(?<=gh[oprsu]_)|(?<=shp.{2}_))"
)
_BEGINNING_MOST: Final = 16
_OF_KEYS: Final = string.ascii_letters + string.digits + "_-"
_PLAIN: Final = ("AKIA", "ASIA", "ABIA", "ACCA", "AIza", "ya29.", "SG.", "SK", "eyJ")

_IN_ADDRESS: Final = re.compile(r"://[^\s:/@]{0,64}:(?P<value>[!-.0-?A-~]{3,128}?)@")
# What a value may be written with: no blanks, quotes, brackets, commas or semicolons.
_VALUE: Final = r"(?P<value>[!#-&*+\--:<-Z\\^_a-z|~]{4,})"
_ASSIGNED: Final = re.compile(rf"[\w-]{{0,20}}[\"']?[ \t]{{0,4}}(?::=?|={{1,2}}>?)[ \t]{{0,4}}[\"'`]?{_VALUE}")
_SAID: Final = re.compile(rf" (?:is|ist|lautet) [\"'`]?{_VALUE}")
_SHOWN: Final = re.compile(r" (?P<value>[\w.~+/-]{16,}={0,2})")
_OF_PASSWORDS: Final = ("password", "passwd", "passphrase", "passwort", "kennwort", "pwd")
_OF_TOKENS: Final = ("secret", "token", "key", "credential")
_OF_HEADERS: Final = ("bearer", "basic")
_NOTHING: Final = re.compile(
    r"(?i)(?:null|none|nil|true|false|undefined|required|optional|string|str|os\.|env|process\.|getenv|your|my_|<|\$"
    r"|\*{3}|x{4}|\.\.\.|example|change|redacted|placeholder)"
)
_PASSWORD_CHARS_LEAST: Final = 4
_TOKEN_CHARS_LEAST: Final = 16
_BITS_LEAST: Final = 3.0


def secrets(text: str) -> Iterator[Finding]:
    if PRIVATE_KEY_BEGIN in text:
        for start, end in private_keys(text):
            yield Finding("secret", start, len(text) if end is None else end, 1.0)
    for start in _beginnings(text):
        if shaped := _SHAPE.match(text, start):
            yield Finding("secret", *shaped.span(), 0.99)
    if "://" in text:
        for found in _IN_ADDRESS.finditer(text):
            if not found["value"].isupper():
                yield Finding("secret", *found.span("value"), 0.97)
    yield from _beside_words(text)


def _beginnings(text: str) -> Iterator[int]:
    """Where a key may begin: in front of a mark that only some shapes have, as far as its word reaches."""
    for marks in (_DASHED, _UNDERSCORED):
        for mark in marks.finditer(text):
            before = text[max(0, mark.start() - _BEGINNING_MOST) : mark.start()]
            yield mark.start() - len(before) + len(before.rstrip(_OF_KEYS))
    for beginning in _PLAIN:
        for end in _ends_of((beginning,), text):
            yield end - len(beginning)


def _beside_words(text: str) -> Iterator[Finding]:
    # Every letter in its place: this one is two when it is small.
    lower = text.replace("İ", "I").lower()
    for end in _ends_of(_OF_PASSWORDS, lower):
        found = _ASSIGNED.match(text, end)
        if found and not _NOTHING.match(found["value"]):
            yield Finding("secret", *found.span("value"), 0.75)
        said = _SAID.match(text, end)
        if said and not said["value"].rstrip(".!?:").isalpha() and not _NOTHING.match(said["value"]):
            yield Finding("secret", *said.span("value"), 0.6)
    for end in _ends_of(_OF_TOKENS, lower):
        found = _ASSIGNED.match(text, end)
        if found and is_random(found["value"]) and not _NOTHING.match(found["value"]):
            yield Finding("secret", *found.span("value"), 0.8)
    for end in _ends_of(_OF_HEADERS, lower):
        found = _SHOWN.match(text, end)
        if found and is_random(found["value"]):
            yield Finding("secret", *found.span("value"), 0.9)


def is_secret_of(name: str, value: str) -> bool:
    """Whether a value is one by the name of its member in a document."""
    name = name.lower()
    if len(value) < _PASSWORD_CHARS_LEAST or _NOTHING.match(value):
        return False
    return name.endswith(_OF_PASSWORDS) or (any(word in name for word in _OF_TOKENS) and is_random(value))


def _ends_of(words: Sequence[str], text: str) -> Iterator[int]:
    for word in words:
        at = text.find(word)
        while at >= 0:
            yield at + len(word)
            at = text.find(word, at + 1)


def is_random(value: str) -> bool:
    """Long, of letters and digits, and hardly repeating itself."""
    if len(value) < _TOKEN_CHARS_LEAST or not any(map(str.isdigit, value)):
        return False
    shares = [count / len(value) for count in Counter(value[:256]).values()]
    return -sum(share * math.log2(share) for share in shares) >= _BITS_LEAST


def private_keys(text: str) -> Iterator[tuple[int, int | None]]:
    """Where each begins and ends: as far as one may be long, and None where it may still go on."""
    begin = _PRIVATE_KEY.search(text)
    while begin:
        most = begin.end() + PRIVATE_KEY_MOST
        closed = _PRIVATE_KEY_END.search(text, begin.end(), most)
        if not closed and len(text) < most:
            yield begin.start(), None
            return
        end = closed.end() if closed else most
        yield begin.start(), end
        begin = _PRIVATE_KEY.search(text, end)
