"""Alerts: whoever notices trouble raises one, in the transaction at hand; noticing it again raises no second one.

They tell of facts that are written down elsewhere, so neither raising nor settling one by itself is audited.
"""

import datetime as dt
from collections.abc import Collection, Sequence

import structlog

from monoize.base.clock import utc_now
from monoize.control.edge.wire import Page, Window
from monoize.control.fleet.model.alerts import Alert, AlertKind, Trouble
from monoize.control.fleet.store import alerts
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx

log = structlog.get_logger(__name__)


async def raise_alert(tx: Tx, trouble: Trouble, now: dt.datetime) -> None:
    if not await alerts.seen_again(tx, trouble, now):
        await alerts.add(tx, trouble, now)
        log.warning("fleet_alert", kind=trouble.kind, subject=trouble.subject)


async def settle(tx: Tx, kind: AlertKind, subject: str, now: dt.datetime) -> None:
    """The trouble is over."""
    await alerts.resolve_about(tx, kind, subject, now)


async def keep_open(tx: Tx, kinds: Collection[AlertKind], troubles: Sequence[Trouble], now: dt.datetime) -> None:
    """Of these kinds there is this trouble and no other."""
    # In one order, so that no two processes can wait for each other in a circle.
    for trouble in sorted(troubles, key=lambda trouble: trouble.key):
        await raise_alert(tx, trouble, now)
    present = {trouble.key for trouble in troubles}
    over = [
        alert.id for alert in await alerts.open_of_kinds(tx, kinds) if (alert.kind, alert.subject) not in present
    ]
    await alerts.resolve(tx, over, now)


async def list_alerts(tx: Tx, window: Window, *, kind: AlertKind | None, only_open: bool) -> Page[Alert]:
    found = await alerts.page(tx, window, kind=kind, only_open=only_open)
    return window.page(found, lambda alert: alert.id)


async def resolve_alert(change: Change, alert_id: str) -> Alert:
    """By an operator who has seen to it. What is still wrong is raised again."""
    alert = await alerts.get(change.tx, alert_id)
    await alerts.resolve(change.tx, [alert_id], utc_now())
    change.record("alert.resolve", "alert", alert_id, kind=alert.kind, subject=alert.subject)
    return await alerts.get(change.tx, alert_id)
