"""Whose rows somebody asks for: their own, or with the permission another user's or everybody's."""

from typing import Annotated

from fastapi import Query

from monoize.base.principal import Call
from monoize.control.edge.caller import NotPermitted
from monoize.control.edge.wire import Uuid

Whose = Annotated[Uuid | None, Query(description="Another user's; needs ledger.read.")]
Everybody = Annotated[bool, Query(description="All users'; needs ledger.read.")]


def owner(call: Call, user_id: str | None, *, everybody: bool) -> str | None:
    """None is everybody."""
    if not everybody:
        return one_owner(call, user_id)
    if not call.principal.may("ledger.read"):
        raise NotPermitted(needed="ledger.read")
    return None


def one_owner(call: Call, user_id: str | None) -> str:
    principal = call.principal
    wanted = user_id or principal.user_id
    if wanted is None:
        raise NotPermitted(hint="A token has no balance of its own: name a user with user_id.")
    if wanted != principal.user_id and not principal.may("ledger.read"):
        raise NotPermitted(needed="ledger.read")
    return wanted
