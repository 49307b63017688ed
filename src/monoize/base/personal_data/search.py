"""All that is looked for, in one text."""

import bisect
import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

from monoize.base.personal_data.addresses import addresses
from monoize.base.personal_data.cards import cards
from monoize.base.personal_data.emails import emails
from monoize.base.personal_data.finding import KINDS, Finding, Kind
from monoize.base.personal_data.ibans import ibans
from monoize.base.personal_data.ip_addresses import ip_addresses
from monoize.base.personal_data.names import names
from monoize.base.personal_data.national_ids import national_ids
from monoize.base.personal_data.phones import phones
from monoize.base.personal_data.secrets import secrets

DETECTORS: Final[Mapping[Kind, Callable[[str], Iterator[Finding]]]] = {
    "email": emails,
    "phone": phones,
    "card": cards,
    "iban": ibans,
    "national_id": national_ids,
    "ip": ip_addresses,
    "secret": secrets,
    "name": names,
    "address": addresses,
}


def find(
    text: str,
    kinds: Iterable[Kind] = KINDS,
    min_confidence: float = 0.5,
    *,
    allowed: Collection[str] = (),
) -> Sequence[Finding]:
    """In their order; of those that overlap the surest stays, then the longest. `allowed` are SHA-256 of values."""
    found = [
        each
        for kind in kinds
        for each in DETECTORS[kind](text)
        if each.confidence >= min_confidence and not (allowed and digest(each, text) in allowed)
    ]
    return _apart(found) if len(found) > 1 else found


def digest(finding: Finding, text: str) -> str:
    """By which a value can be allowed that must not be written down: of itself, as it stands."""
    return hashlib.sha256(text[finding.start : finding.end].encode(errors="surrogatepass")).hexdigest()


def _apart(found: Iterable[Finding]) -> Sequence[Finding]:
    kept: list[Finding] = []
    starts: list[int] = []
    for each in sorted(found, key=lambda each: (-each.confidence, each.start - each.end, each.start, each.kind)):
        place = bisect.bisect(starts, each.start)
        is_free = place == 0 or kept[place - 1].end <= each.start
        if is_free and (place == len(kept) or each.end <= kept[place].start):
            kept.insert(place, each)
            starts.insert(place, each.start)
    return kept
