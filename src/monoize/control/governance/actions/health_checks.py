"""What is looked at to say how an agent is. Each check finds one thing; other rooms bring checks of their own."""

import dataclasses
import datetime as dt
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from monoize.base.cost.sheet import PriceSheet
from monoize.contract.names import redirected, resolved
from monoize.contract.policies.effective import EffectivePolicy
from monoize.contract.snapshot import Channel, Effort, Provider, Redirect
from monoize.control.catalog.actions import routing
from monoize.control.governance.actions.contacts import contacts_of
from monoize.control.governance.actions.limits import limits_in_force
from monoize.control.governance.model.health import Finding
from monoize.infra.db import Tx
from monoize.infra.sealed import Seal


@dataclasses.dataclass(frozen=True, slots=True)
class Offered:
    """What the gateway has to offer, read once for many agents."""

    channels: Sequence[Channel]
    prices: Mapping[tuple[str, str], PriceSheet]
    redirects: Sequence[Redirect]
    suffixes: Mapping[str, Effort]

    def is_offered(self, model: str) -> bool:
        return any(model in channel.offers for channel in self.channels)


@dataclasses.dataclass(frozen=True, slots=True)
class Examined:
    """An agent whose record is whole. `tenant_id` is whose it is."""

    agent_id: str
    tenant_id: str
    policy: EffectivePolicy
    offered: Offered
    now: dt.datetime


Check = Callable[[Tx, Examined], Awaitable[Finding]]


async def offered(tx: Tx, seal: Seal, now: dt.datetime) -> Offered:
    providers: Sequence[Provider] = await routing.load(tx, seal)
    channels = [channel for provider in providers for channel in provider.channels]
    wanted = {
        (channel.price_provider, name)
        for channel in channels
        for asked, offer in channel.offers.items()
        for name in (asked, offer.upstream_model)
    }
    return Offered(
        channels,
        await routing.prices(tx, int(now.timestamp()), wanted),
        await routing.redirects(tx),
        await routing.suffixes(tx),
    )


async def of_model(tx: Tx, examined: Examined) -> Finding:
    """Only a record that names a default has one to look at."""
    policy, offered = examined.policy.policies.model_policy_json, examined.offered
    if policy.default_model is None:
        return Finding("default_model")
    asked = redirected(policy.default_model, offered.redirects)
    model, _ = resolved(asked, offered.suffixes, offered.is_offered)
    channels = [channel for channel in offered.channels if model in channel.offers]
    if not channels:
        return Finding("default_model", "failed", f"no channel offers {policy.default_model}")
    if not any(_is_priced(channel, model, offered) for channel in channels):
        return Finding("default_model", "failed", f"nobody knows the price of {model}")
    if not any(channel.credential or channel.type == "echo" for channel in channels):
        return Finding("default_model", "warning", f"no channel that offers {model} has a credential")
    return Finding("default_model")


async def of_limits(tx: Tx, examined: Examined) -> Finding:
    found = await limits_in_force(tx, examined.tenant_id, examined.policy.role_name, examined.now)
    if found.is_corrupt:
        return Finding("limits", "failed", "the limits of its role cannot be read, so nothing is allowed")
    return Finding("limits")


async def of_mailbox(tx: Tx, examined: Examined) -> Finding:
    contacts = await contacts_of(tx, examined.agent_id)
    if not (contacts.owner or contacts.user):
        return Finding("mailbox", "warning", "it names nobody who is told when something is wrong")
    return Finding("mailbox")


CHECKS: Final[Sequence[Check]] = (of_model, of_limits, of_mailbox)


def _is_priced(channel: Channel, model: str, offered: Offered) -> bool:
    names = channel.offers[model].upstream_model, model
    sheets = (offered.prices.get((channel.price_provider, name)) for name in names)
    return any(sheet is not None and sheet.book != "unpriced" for sheet in sheets)
