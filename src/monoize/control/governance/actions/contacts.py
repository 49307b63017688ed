"""Whom an agent's record names to be told of things, and what it says about telling."""

from typing import Final

import structlog

from monoize.base.errors import Refusal
from monoize.contract.policies.catalogue import read
from monoize.contract.policies.notification import NotificationPolicy
from monoize.control.governance.actions.effective import effective
from monoize.control.governance.model.ladder import Contacts
from monoize.control.governance.model.records import Governed, of_document
from monoize.control.governance.store import records, revisions
from monoize.control.identity.actions import users
from monoize.control.identity.errors import NoSuchUser
from monoize.infra.db import Tx

log = structlog.get_logger(__name__)

_POLICY: Final = "notification_policy_json"


async def whom(tx: Tx, agent_id: str, tenant_id: str) -> tuple[NotificationPolicy, Contacts]:
    """For a baseline and for a record that was tampered with, those whom its newest version names.

    Where that is not what was written either, nobody is known who could be told.
    """
    try:
        policy = (await effective(tx, agent_id, for_tenant=tenant_id)).policies.notification_policy_json
        return policy, await contacts_of(tx, agent_id)
    except Refusal as refusal:
        newest = await revisions.newest(tx, agent_id)
        if newest is None or not newest.intact:
            log.warning("contacts_unknown", agent_id=agent_id, code=refusal.code)
            return NotificationPolicy(), Contacts()
    written = of_document(newest.config)
    policy = read(_POLICY, written.policies[_POLICY])
    return policy, await _named_by(tx, written)


async def contacts_of(tx: Tx, agent_id: str) -> Contacts:
    return await _named_by(tx, await records.get(tx, agent_id))


async def _named_by(tx: Tx, governed: Governed) -> Contacts:
    return Contacts(
        owner=await _address_of(tx, governed.owner_user_id),
        user=governed.user_email,
        additional=tuple(governed.additional_alert_emails),
        backup=governed.backup_user_email,
        escalation=governed.alert_escalation_email,
    )


async def _address_of(tx: Tx, user_id: str | None) -> str | None:
    if user_id is None:
        return None
    try:
        return (await users.get_user(tx, user_id)).email
    except NoSuchUser:
        return None
