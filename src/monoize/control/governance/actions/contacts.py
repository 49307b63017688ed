"""Whom an agent's record names to be told of things."""

from monoize.control.governance.model.ladder import Contacts
from monoize.control.governance.store import records
from monoize.control.identity.actions import users
from monoize.control.identity.errors import NoSuchUser
from monoize.infra.db import Tx


async def contacts_of(tx: Tx, agent_id: str) -> Contacts:
    record = await records.get(tx, agent_id)
    return Contacts(
        owner=await _address_of(tx, record.owner_user_id),
        user=record.user_email,
        additional=tuple(record.additional_alert_emails),
        backup=record.backup_user_email,
        escalation=record.alert_escalation_email,
    )


async def _address_of(tx: Tx, user_id: str | None) -> str | None:
    if user_id is None:
        return None
    try:
        return (await users.get_user(tx, user_id)).email
    except NoSuchUser:
        return None
