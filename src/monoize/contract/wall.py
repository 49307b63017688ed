"""What a data plane asks of the control plane when the two are different processes, and what it is told.

Questions go over HTTP to `/wall/…` as MessagePack. Each is signed with a key that both sides derive from the master
key, so no secret travels with it; answering the same question twice is harmless. Credentials of channels travel
sealed.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from monoize.contract.grant import Grant
from monoize.contract.snapshot import Provider, Snapshot
from monoize.contract.transforms.catalogue import name_of, written_rule
from monoize.contract.transforms.rule import Phase, Rule

Subject = Literal["news", "grant", "balance", "charges", "egress-grant", "egress-flush", "egress-news"]

PREFIX: Final = "/wall/"
PURPOSE: Final = "wall"
SEALED_FOR: Final = "wall"
"""What the signatures are made for, and what credentials of channels are sealed for."""
SIGNED_AT: Final = b"x-monoize-at"
SIGNATURE: Final = b"x-monoize-signature"
CLOCKS_APART_MOST_MS: Final = 60_000
QUESTION_MOST: Final = 32 * 2**20


class WrittenRule(msgspec.Struct, frozen=True):
    transform: str
    phase: Phase
    models: tuple[str, ...]
    config: dict[str, Any]


class NewsAsked(msgspec.Struct, frozen=True):
    """What is known already; nothing at the start."""

    edition: str = ""
    mark: str = ""


class Told(msgspec.Struct, frozen=True):
    """A snapshot, with the rules of its providers apart, by their ids."""

    edition: str
    snapshot: Snapshot
    rules: Mapping[str, tuple[WrittenRule, ...]]


class News(msgspec.Struct, frozen=True):
    mark: str
    # None: the one that is known is in force still.
    told: Told | None = None
    # Budgets whose balances a person may have moved; None: any of them.
    moved: tuple[str, ...] | None = ()
    grants_changed: bool = False


class GrantTold(msgspec.Struct, frozen=True):
    grant: Grant | None
    rules: tuple[WrittenRule, ...] = ()


class BalanceTold(msgspec.Struct, frozen=True):
    """None: unlimited. As text, since MessagePack has no integers of more than 64 bits."""

    nano: str | None


class Charge(msgspec.Struct, frozen=True, array_like=True):
    """One entry of a spool."""

    id: str
    content: bytes


class Rejected(msgspec.Struct, frozen=True):
    """A charge that can never be booked, by its place among those that were sent."""

    place: int
    reason: str


class Booked(msgspec.Struct, frozen=True):
    """All charges that were sent, but for these."""

    rejected: tuple[Rejected, ...] = ()


def signed(subject: str, at_ms: int, question: bytes) -> bytes:
    """What the signature of a question is made of."""
    return b"%b\n%d\n%b" % (subject.encode(), at_ms, question)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def told(edition: str, snapshot: Snapshot, seal: Callable[[str, str], str]) -> Told:
    """`seal` seals the credential of a channel, by its id."""
    rules = {each.id: tuple(_written(rule) for rule in each.transforms) for each in snapshot.providers}
    providers = [_with_credentials(each, (), seal) for each in snapshot.providers]
    return Told(edition, msgspec.structs.replace(snapshot, providers=providers), rules)


def heard(told: Told, generation: int, unseal: Callable[[str, str], str]) -> Snapshot:
    """The snapshot as it was before `told`; generations count where it is in force."""
    providers = [
        _with_credentials(each, tuple(_read(rule) for rule in told.rules[each.id]), unseal)
        for each in told.snapshot.providers
    ]
    return msgspec.structs.replace(told.snapshot, generation=generation, providers=providers)


def grant_told(grant: Grant | None) -> GrantTold:
    if grant is None:
        return GrantTold(None)
    rules = tuple(_written(rule) for rule in grant.transforms)
    return GrantTold(msgspec.structs.replace(grant, transforms=()), rules)


def grant_heard(told: GrantTold) -> Grant | None:
    if told.grant is None:
        return None
    return msgspec.structs.replace(told.grant, transforms=tuple(_read(rule) for rule in told.rules))


def _with_credentials(provider: Provider, rules: Sequence[Rule], change: Callable[[str, str], str]) -> Provider:
    channels = [
        msgspec.structs.replace(each, credential=change(each.credential, each.id)) if each.credential else each
        for each in provider.channels
    ]
    return msgspec.structs.replace(provider, channels=channels, transforms=rules)


def _written(rule: Rule) -> WrittenRule:
    return WrittenRule(name_of(type(rule.config)), rule.phase, rule.models, msgspec.to_builtins(rule.config))


def _read(rule: WrittenRule) -> Rule:
    return written_rule(rule.transform, rule.phase, rule.models, rule.config)
