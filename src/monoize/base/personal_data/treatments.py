"""What stands in the place of a value that was found."""

import hashlib
import hmac
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from monoize.base.personal_data.finding import Finding, Kind

Treatment = Literal["allow", "mask", "redact", "tokenize", "block"]

_TOKEN_CHARS: Final = 16
_SECRET_CHARS_SHOWN_FROM: Final = 20
_OF_DIGITS: Final[frozenset[Kind]] = frozenset({"phone", "card", "iban", "national_id"})


class Treated(NamedTuple):
    """`counts` say how often each kind was found: never what."""

    text: str
    counts: Mapping[Kind, int]


def treated(text: str, findings: Sequence[Finding], treatment: Callable[[Kind], Treatment], key: bytes) -> Treated:
    """Findings do not overlap, and come in their order. What blocks stands for itself: whoever asks looks first."""
    if not findings:
        return Treated(text, {})
    parts: list[str] = []
    end = 0
    for each in findings:
        value = text[each.start : each.end]
        parts += (text[end : each.start], substitute(each.kind, value, treatment(each.kind), key))
        end = each.end
    return Treated("".join((*parts, text[end:])), Counter(each.kind for each in findings))


def substitute(kind: Kind, value: str, treatment: Treatment, key: bytes) -> str:
    match treatment:
        case "allow":
            return value
        case "mask":
            return masked(kind, value)
        case "tokenize":
            return f"[{kind}:{_token(kind, value, key)}]"
    return f"[{kind}]"


def masked(kind: Kind, value: str) -> str:
    """What it was can be seen, not whose."""
    if kind == "email":
        local, _, domain = value.partition("@")
        host, _, zone = domain.rpartition(".")
        return f"{local[:1]}***@{host[:1]}***.{zone}"
    if kind in _OF_DIGITS:
        return _with_the_last(value, 4)
    if kind == "secret":
        return "****" + (value[-4:] if len(value) >= _SECRET_CHARS_SHOWN_FROM else "")
    if kind == "ip":
        return _with_the_first(value)
    return " ".join(word[:1] + "***" for word in value.split())


def _with_the_last(value: str, shown: int) -> str:
    """Of letters and digits; at most half of them is shown."""
    left = sum(map(str.isalnum, value))
    shown = min(shown, left // 2)
    masked = []
    for char in value:
        masked.append("*" if char.isalnum() and left > shown else char)
        left -= char.isalnum()
    return "".join(masked)


def _with_the_first(address: str) -> str:
    mark = ":" if ":" in address else "."
    first, *others = address.split(mark)
    return mark.join([first, *("*" if other else "" for other in others)])


def _token(kind: Kind, value: str, key: bytes) -> str:
    """The same for the same value, however it is written, and nothing to those who lack the key."""
    plain = "".join(filter(str.isalnum, value)) if kind in _OF_DIGITS else value.casefold()
    plain = value if kind == "secret" else plain
    said = f"{kind}\0{plain}".encode(errors="surrogatepass")
    return hmac.new(key, said, hashlib.sha256).hexdigest()[:_TOKEN_CHARS]
