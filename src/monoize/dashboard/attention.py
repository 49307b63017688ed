"""What waits for a human: asked of each room, of what the person may see, a page of each at most.

Nothing here decides anything: the rooms have said already that something is pending, failing or expired.
"""

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Final, Literal

from monoize.base.clock import utc_now
from monoize.contract.upstreams import Condition
from monoize.control.catalog.actions import proposals, providers
from monoize.control.edge.house import House
from monoize.control.edge.wire import PAGE_MOST, Window
from monoize.control.fleet.actions import alerts, quota
from monoize.control.governance.actions import approvals, escalations
from monoize.control.mcp.actions import services as mcp_services
from monoize.control.projects.actions import certificates, services
from monoize.dashboard.session import Person
from monoize.infra.db import Tx

Tone = Literal["warn", "bad"]
_ALL: Final = Window(PAGE_MOST, None)
_NAMED_MOST: Final = 3
_ENDS_SOON: Final = dt.timedelta(days=14)


@dataclasses.dataclass(frozen=True, slots=True)
class Attention:
    title: str
    detail: str
    href: str
    tone: Tone


async def waiting_for(tx: Tx, house: House, person: Person, conditions: Mapping[str, Condition]) -> list[Attention]:
    found: list[Attention | None] = []
    if person.may("approvals.read"):
        found.append(await _approvals(tx, person))
    if person.may("providers.read"):
        found += await _channels(tx, house, conditions)
    if person.may("prices.write"):
        found.append(await _prices(tx))
    if person.may("governance.read"):
        found += [await _escalations(tx), await _tools(tx)]
    if person.may("projects.read"):
        found.append(await _services(tx, person))
    if person.may("projects.admin"):
        found += await _certificates(tx)
    if person.may("fleet.read"):
        found += [await _quotas(tx), await _alerts(tx)]
    return [one for one in found if one]


async def _approvals(tx: Tx, person: Person) -> Attention | None:
    page = await approvals.list_approvals(tx, _ALL, person.call.principal, status="pending")
    named = [approval.subject for approval in page.items]
    return _said(named, ("approval waits", "approvals wait"), "/approvals", "warn", more=page.next_cursor)


async def _channels(
    tx: Tx, house: House, conditions: Mapping[str, Condition]
) -> tuple[Attention | None, Attention | None]:
    page = await providers.list_providers(tx, house.seal, _ALL)
    failing = [
        f"{view.record.name}, channel {channel.name}"
        for view in page.items
        for channel in view.record.channels
        if conditions.get(channel.id) == "unhealthy"
    ]
    unpriced = sorted({model for view in page.items for model in view.unpriced_models})
    return (
        _said(failing, ("channel fails", "channels fail"), "/providers", "bad"),
        _said(unpriced, ("model has no price", "models have no price"), "/models", "warn"),
    )


async def _services(tx: Tx, person: Person) -> Attention | None:
    visible = person.call.principal.projects
    page = await services.list_services(tx, _ALL, project_id=None, visible=visible, name=None)
    named = [f"{one.project_name}/{one.name}" for one in page.items if one.crash_looping]
    return _said(named, ("service crashes again and again", "services crash again and again"), "/services", "bad")


async def _certificates(tx: Tx) -> tuple[Attention | None, Attention | None]:
    """One that renews itself is nobody's concern before it failed to."""
    page = await certificates.list_certificates(tx, _ALL, None)
    soon = utc_now() + _ENDS_SOON
    bad = [one.domain for one in page.items if one.status in ("expired", "failed")]
    ending = [
        one.domain
        for one in page.items
        if one.status == "active"
        and one.not_after
        and one.not_after < soon
        and (one.failures or not one.auto_renew)
    ]
    return (
        _said(bad, ("certificate is not good", "certificates are not good"), "/certificates", "bad"),
        _said(ending, ("certificate ends soon", "certificates end soon"), "/certificates", "warn"),
    )


async def _prices(tx: Tx) -> Attention | None:
    page = await proposals.list_pending(tx, _ALL)
    named = [one.proposal.price.model_key for one in page.items]
    return _said(named, ("price to confirm", "prices to confirm"), "/pending-prices", "warn", more=page.next_cursor)


async def _escalations(tx: Tx) -> Attention | None:
    page = await escalations.list_escalations(tx, _ALL, is_open=True)
    named = [one.subject for one in page.items]
    words = ("escalation that nobody looks after", "escalations that nobody looks after")
    return _said(named, words, "/escalations", "bad", more=page.next_cursor)


async def _tools(tx: Tx) -> Attention | None:
    waiting = await mcp_services.tools_waiting(tx)
    page = await mcp_services.list_services(tx, _ALL)
    named = [one.name for one in page.items if waiting.get(one.id)]
    return _said(
        named, ("MCP service has tools to look at", "MCP services have tools to look at"), "/mcp-services", "warn"
    )


async def _quotas(tx: Tx) -> Attention | None:
    """Allowances of shared accounts that are used up, or nearly so."""
    found = [one for one in await quota.all_quotas(tx, utc_now()) if one.standing.quota_verdict != "ok"]
    tone: Tone = "bad" if any(one.standing.quota_verdict == "refuse" for one in found) else "warn"
    words = ("pool is near the end of its allowance", "pools are near the end of their allowance")
    return _said([one.pool for one in found], words, "/pools", tone)


async def _alerts(tx: Tx) -> Attention | None:
    page = await alerts.list_alerts(tx, _ALL, kind=None, only_open=True)
    named = [one.subject for one in page.items]
    return _said(named, ("alert of the fleet", "alerts of the fleet"), "/alerts", "warn", more=page.next_cursor)


def _said(
    named: Sequence[str], words: tuple[str, str], path: str, tone: Tone, *, more: str | None = None
) -> Attention | None:
    """`words` for one and for several; with `more` there are further ones that were not read."""
    if not named:
        return None
    number = len(named)
    rest = number - _NAMED_MOST
    return Attention(
        title=f"{number}{'+' if more else ''} {words[number > 1]}",
        detail=", ".join(named[:_NAMED_MOST]) + (f" and {rest} more" if rest > 0 else ""),
        href=path,
        tone=tone,
    )
