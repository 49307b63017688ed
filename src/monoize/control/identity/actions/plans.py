"""Which plan a user is on. What a plan means, and whether there is one, is known to the room of machines."""

from collections.abc import Collection, Mapping

from monoize.control.identity.store import users
from monoize.infra.db import Tx


async def plans_of(tx: Tx, user_ids: Collection[str]) -> Mapping[str, str]:
    """Who is on no plan is left out."""
    return await users.plans_of(tx, user_ids)


async def put_on_plan(tx: Tx, user_id: str, plan_id: str | None) -> None:
    """As a part of a change of the room that asks for it, which records it."""
    await users.get(tx, user_id, lock=True)
    await users.set_plan(tx, user_id, plan_id)


async def hold(tx: Tx, user_id: str) -> None:
    """Lock the user, so that counting what is theirs and adding to it is one step."""
    await users.get(tx, user_id, lock=True)


async def count_on_plan(tx: Tx, plan_id: str) -> int:
    return await users.count_with_plan(tx, plan_id)
