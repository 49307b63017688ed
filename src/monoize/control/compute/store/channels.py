"""SQL of the channels of agents. What is sealed is passed through as it is."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Row, delete, insert, select, update

from monoize.control.compute.errors import NoSuchChannel
from monoize.control.compute.model.channels import SealedChannel
from monoize.control.compute.tables import agent_channels
from monoize.infra.db import Tx

_columns = agent_channels.c
_FIELDS: Final = tuple(SealedChannel.__dataclass_fields__)


def _channel(row: Row[Any]) -> SealedChannel:
    return SealedChannel(**{name: getattr(row, name) for name in _FIELDS})


async def of_agent(tx: Tx, agent_id: str) -> Sequence[SealedChannel]:
    query = select(agent_channels).where(_columns.agent_id == agent_id).order_by(_columns.kind)
    return [_channel(row) for row in await tx.execute(query)]


async def get(tx: Tx, agent_id: str, kind: str) -> SealedChannel:
    row = (await tx.execute(select(agent_channels).where(*_which(agent_id, kind)))).one_or_none()
    if row is None:
        raise NoSuchChannel
    return _channel(row)


async def put(tx: Tx, id: str, agent_id: str, kind: str, values: Mapping[str, Any]) -> bool:
    """Instead of the one that was there; whether there was none. The agent has to be locked."""
    changed = update(agent_channels).where(*_which(agent_id, kind)).values(**values)
    if (await tx.execute(changed)).rowcount:
        return False
    await tx.execute(insert(agent_channels).values(id=id, agent_id=agent_id, kind=kind, **values))
    return True


async def remove(tx: Tx, agent_id: str, kind: str) -> None:
    if not (await tx.execute(delete(agent_channels).where(*_which(agent_id, kind)))).rowcount:
        raise NoSuchChannel


def _which(agent_id: str, kind: str) -> tuple[Any, ...]:
    return _columns.agent_id == agent_id, _columns.kind == kind
