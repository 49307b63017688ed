"""SQL of the versions that agent records had. The database refuses to change or delete one."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, insert, select

from monoize.base.canonical import canonical_hash
from monoize.control.edge.wire import Window
from monoize.control.governance.errors import NoSuchRevision
from monoize.control.governance.model.records import Governed, Revision, document, hash_of
from monoize.control.governance.tables import agent_ai_sam_revisions as revisions
from monoize.infra.db import Tx

_columns = revisions.c


async def add(tx: Tx, record_id: str, version: int, governed: Governed, *, author: str, reason: str | None) -> None:
    await tx.execute(
        insert(revisions).values(
            config_id=record_id,
            version=version,
            config_hash=hash_of(governed),
            config=document(governed),
            author=author,
            reason=reason,
        )
    )


async def get(tx: Tx, record_id: str, version: int) -> Revision:
    query = select(revisions).where(_columns.config_id == record_id, _columns.version == version)
    row = (await tx.execute(query)).one_or_none()
    if row is None:
        raise NoSuchRevision
    return _revision(row)


async def newest(tx: Tx, record_id: str) -> Revision | None:
    query = select(revisions).where(_columns.config_id == record_id).order_by(_columns.version.desc()).limit(1)
    row = (await tx.execute(query)).one_or_none()
    return _revision(row) if row else None


async def page(tx: Tx, record_id: str, window: Window) -> Sequence[Revision]:
    """The newest first."""
    query = select(revisions).where(_columns.config_id == record_id)
    if window.after:
        query = query.where(_columns.version < int(window.after))
    query = query.order_by(_columns.version.desc()).limit(window.limit + 1)
    return [_revision(row) for row in await tx.execute(query)]


def _revision(row: Row[Any]) -> Revision:
    return Revision(
        version=row.version,
        config_hash=row.config_hash,
        intact=canonical_hash(row.config) == row.config_hash,
        author=row.author,
        reason=row.reason,
        created_at=row.created_at,
        config=row.config,
    )
