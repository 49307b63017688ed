"""Ledger rows as values, what is asked of them, and the charges that come from outside."""

import dataclasses
import datetime as dt
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from monoize.base.money import NANO_USD_BOUND
from monoize.control.edge.wire import NanoUsd, storable
from monoize.control.identity.model import SubAccount
from monoize.control.ledger.model.kinds import ON_SUB_ACCOUNT, ChargeKind, KindName

REQUEST_ID_CHARS_MOST: Final = 191
META_CHARS_MOST: Final = 16_384
SUMMARY_DAYS_MOST: Final = 366
_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_encoder: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))

Account = Literal["user", "sub_account"]


class OfAgent(NamedTuple):
    """Whose request it was, where an agent's: the agent on a machine, and the record that governed it."""

    agent_id: str | None = None
    agent_record_id: str | None = None


NOBODYS: Final = OfAgent()


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """One row: by how much which balance moved, why, and what it was afterwards (null: its owner was gone)."""

    id: str
    user_id: str
    api_key_id: str | None
    account: Account
    kind: str
    request_id: str | None
    delta_nano_usd: NanoUsd
    balance_after_nano_usd: NanoUsd | None
    meta: Mapping[str, Any]
    created_at: dt.datetime
    agent_id: str | None = None
    agent_record_id: str | None = None

    @property
    def of_agent(self) -> OfAgent:
        return OfAgent(self.agent_id, self.agent_record_id)


@dataclasses.dataclass(frozen=True, slots=True)
class EntryFilter:
    """Which rows are asked for; a field that is None does not matter."""

    user_id: str | None = None
    api_key_id: str | None = None
    kind: KindName | None = None
    agent_id: str | None = None
    agent_record_id: str | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class DaySum:
    """What rows of one kind moved on one day (UTC) of one user, on one kind of account."""

    day: dt.date
    account: Account
    kind: str
    entries: int
    total_nano_usd: NanoUsd


@dataclasses.dataclass(frozen=True, slots=True)
class DaySums:
    items: Sequence[DaySum]


@dataclasses.dataclass(frozen=True, slots=True)
class SubAccountMove:
    """A sub-account as it is now, and the rows that this change wrote."""

    sub_account: SubAccount
    entries: Sequence[Entry]


@dataclasses.dataclass(frozen=True, slots=True)
class Charge:
    """What one request or one period costs a user. The same `request_id` is charged once, however often it comes.

    A ValueError at its birth says what cannot be booked. The request id has to be of our own making: whoever could
    choose it could have many requests charged as one.
    """

    request_id: str
    user_id: str
    amount_nano_usd: int
    api_key_id: str | None = None
    kind: ChargeKind = "request_charge"
    of_agent: OfAgent = NOBODYS
    meta: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    meta_json: str = dataclasses.field(init=False, compare=False)

    def __post_init__(self) -> None:
        if not 0 < len(storable(self.request_id)) <= REQUEST_ID_CHARS_MOST:
            raise ValueError(f"a request id has 1 to {REQUEST_ID_CHARS_MOST} characters")
        for id in (self.user_id, self.api_key_id):
            if id is not None and not _ID.fullmatch(id):
                raise ValueError("a user or key is named by its id")
        if type(self.amount_nano_usd) is not int or not 0 <= self.amount_nano_usd < NANO_USD_BOUND:
            raise ValueError("a charge is a whole number of nano-USD, 0 or more, of at most 127 bits")
        if self.kind != "request_charge" and self.kind != "compute_overage":
            raise ValueError(f"{self.kind} is no kind of charge")
        object.__setattr__(self, "meta_json", meta_text(self.meta))

    @property
    def name(self) -> tuple[ChargeKind, str]:
        """What makes it the same charge, whichever account it was taken from."""
        return self.kind, self.request_id


@dataclasses.dataclass(frozen=True, slots=True)
class Charged:
    """What became of a batch: how many are booked now, how many were before, and whose name another charge has."""

    booked: int
    repeated: int
    conflicting: Sequence[str]


def kinds_of_charge(kind: ChargeKind) -> tuple[KindName, ...]:
    """Under which kinds a charge may have been booked."""
    return (kind, ON_SUB_ACCOUNT[kind]) if kind in ON_SUB_ACCOUNT else (kind,)


def meta_text(meta: Mapping[str, Any]) -> str:
    """The facts beside the money as they are stored; ValueError when they are too many or no JSON."""
    if not meta:
        return "{}"
    try:
        text = _encoder.encode(meta)
    except TypeError as problem:
        raise ValueError(str(problem)) from problem
    if len(storable(text)) > META_CHARS_MOST:
        raise ValueError(f"the facts beside a row have at most {META_CHARS_MOST} characters")
    return text
