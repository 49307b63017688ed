"""SQL of agents."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Row, delete, exc, func, insert, select, update

from monoize.control.compute.errors import AgentHasMachine, NoSuchAgent
from monoize.control.compute.model.agents import Agent
from monoize.control.compute.tables import agents
from monoize.control.edge.wire import Window
from monoize.infra.bulk import is_one_of
from monoize.infra.db import Tx, violated
from monoize.infra.matching import contains

_columns = agents.c
_FIELDS: Final = tuple(Agent.__dataclass_fields__)


def _agent(row: Row[Any]) -> Agent:
    return Agent(**{name: getattr(row, name) for name in _FIELDS})


async def add(tx: Tx, *, id: str, values: Mapping[str, Any]) -> Agent:
    await tx.execute(insert(agents).values(id=id, **values))
    return await get(tx, id)


async def change(tx: Tx, id: str, values: Mapping[str, Any]) -> Agent:
    try:
        await tx.execute(update(agents).where(_columns.id == id).values(**values))
    except exc.IntegrityError as problem:
        raise AgentHasMachine if violated(problem, "vps_id") else problem from problem
    return await get(tx, id)


async def get(tx: Tx, id: str, *, lock: bool = False) -> Agent:
    query = select(agents).where(_columns.id == id)
    row = (await tx.execute(query.with_for_update() if lock else query)).one_or_none()
    if row is None:
        raise NoSuchAgent
    return _agent(row)


async def of_machine(tx: Tx, vps_id: str) -> Agent | None:
    row = (await tx.execute(select(agents).where(_columns.vps_id == vps_id))).one_or_none()
    return _agent(row) if row else None


async def many(tx: Tx, ids: Collection[str]) -> Mapping[str, Agent]:
    found = [_agent(row) for row in await tx.execute(select(agents).where(is_one_of(tx, _columns.id, ids)))]
    return {agent.id: agent for agent in found}


async def of_user(tx: Tx, user_id: str) -> Sequence[Agent]:
    query = select(agents).where(_columns.user_id == user_id).order_by(_columns.id)
    return [_agent(row) for row in await tx.execute(query)]


async def page(
    tx: Tx, window: Window, *, user_id: str | None, name: str | None, containing: str | None = None
) -> Sequence[Agent]:
    query = select(agents).order_by(_columns.id.desc()).limit(window.limit + 1)
    if window.after:
        query = query.where(_columns.id < window.after)
    if user_id is not None:
        query = query.where(_columns.user_id == user_id)
    if name is not None:
        query = query.where(_columns.name == name)
    if containing is not None:
        query = query.where(contains(_columns.name, containing))
    return [_agent(row) for row in await tx.execute(query)]


async def count_of(tx: Tx, user_id: str) -> int:
    return int(await tx.scalar(select(func.count()).where(_columns.user_id == user_id)))


async def remove(tx: Tx, id: str) -> None:
    await tx.execute(delete(agents).where(_columns.id == id))


async def governed(tx: Tx) -> Mapping[str, str]:
    """By agent: the record that limits it."""
    query = select(_columns.id, _columns.config_id).where(_columns.config_id.is_not(None))
    return {row.id: row.config_id for row in await tx.execute(query)}


async def with_key(tx: Tx, key_id: str) -> str | None:
    found: str | None = await tx.scalar(select(_columns.id).where(_columns.gateway_key_id == key_id))
    return found


async def lent(tx: Tx, key_id: str) -> tuple[str, str | None, str | None] | None:
    """The agent with this key, its record and its machine."""
    query = select(_columns.id, _columns.config_id, _columns.vps_id).where(_columns.gateway_key_id == key_id)
    found = (await tx.execute(query)).one_or_none()
    return None if found is None else (found.id, found.config_id, found.vps_id)


async def record_of(tx: Tx, id: str) -> str | None:
    found: str | None = await tx.scalar(select(_columns.config_id).where(_columns.id == id))
    return found


async def digest_of(tx: Tx, id: str) -> str:
    found: str = await tx.scalar(select(_columns.gateway_token).where(_columns.id == id))
    return found


async def sealed_token(tx: Tx, id: str) -> str:
    found: str = await tx.scalar(select(_columns.gateway_token_sealed).where(_columns.id == id))
    return found
