"""How rows are sealed, and how a reader follows the rows of one account from its first to its last.

Each row carries a keyed digest of all it says, so a row that was edited can be named. Each account's head carries
a digest that grew with every row from a secret start, so rows that were cut off at the end are missed even when
balance and head were set back with them. Both need the master key to be made.
"""

import dataclasses
import datetime as dt
import functools
import hashlib
import hmac
import operator
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec

from monoize.infra.sealed import Seal

_agents_of: Final = operator.itemgetter("agent_id", "agent_record_id")
_facts_of: Final = operator.itemgetter(
    "id", "account_id", "account_seq", "user_id", "api_key_id", "kind", "request_id", "meta_json"
)


class Broken(Exception):
    """An account does not hold what was written; the message says where."""


class Head(NamedTuple):
    """Where an account ends: its number of rows, and what grew with them."""

    last_seq: int
    chain: str


def row_secret(seal: Seal, account_id: str) -> bytes:
    return seal.mac("ledger row", account_id.encode()).encode()


def birth(seal: Seal, account_id: str) -> Head:
    """The end of an account without rows."""
    return Head(0, seal.mac("ledger chain", account_id.encode()))


def row_mac(secret: bytes, row: Mapping[str, Any]) -> str:
    """Over every column of the row; amounts as the text that stands in the database."""
    after = row["balance_after_nano_usd"]
    amounts = str(row["delta_nano_usd"]), None if after is None else str(after)
    facts: tuple[str | None, ...] = (*_facts_of(row), *amounts, _moment_text(row["created_at"]))
    # Rows are older than these columns, and say nothing in them.
    if any(agents := _agents_of(row)):
        facts += agents
    return hashlib.blake2b(msgspec.json.encode(facts), key=secret, digest_size=32).hexdigest()


@functools.lru_cache(maxsize=16)
def _moment_text(moment: dt.datetime) -> str:
    """All rows of a transaction have the same one."""
    return moment.isoformat(timespec="microseconds")


def grown(head: Head, mac: str) -> Head:
    return Head(head.last_seq + 1, hashlib.blake2b((head.chain + mac).encode(), digest_size=32).hexdigest())


@dataclasses.dataclass(frozen=True, slots=True)
class Followed:
    """An account as far as it was read: where that is, and the sum of the rows up to there."""

    account_id: str
    head: Head
    total: int = 0

    def by(self, secret: bytes, row: Mapping[str, Any]) -> "Followed":
        """One row further, if it is the next one and nobody changed it."""
        seq = self.head.last_seq + 1
        if row["account_seq"] != seq:
            raise Broken(f"row number {seq} is missing")
        if not hmac.compare_digest(row_mac(secret, row), str(row["row_mac"])):
            raise Broken(f"row number {seq} ({row['id']}) was changed")
        total, after = self.total + int(row["delta_nano_usd"]), row["balance_after_nano_usd"]
        if after is not None and int(after) != total:
            raise Broken(f"row number {seq} ({row['id']}) does not follow from the one before")
        return Followed(self.account_id, grown(self.head, row["row_mac"]), total)
