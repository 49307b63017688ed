"""Which agent records a form or a filter offers, by their names."""

from collections.abc import Sequence
from typing import Final

from monoize.control.edge.wire import PAGE_MOST, Window
from monoize.control.governance.actions import records
from monoize.control.governance.model.records import RecordFilter
from monoize.dashboard.session import Person
from monoize.infra.db import Tx

_ALL: Final = Window(PAGE_MOST, None)


async def agent_records(tx: Tx, person: Person, *, tenant_id: str | None = None) -> Sequence[tuple[str, str]]:
    """Id and name, baselines left out; nothing for those who may not look at records."""
    if not person.may("governance.read"):
        return []
    found = (await records.list_records(tx, _ALL, RecordFilter(tenant_id=tenant_id))).items
    return [(record.id, record.name) for record in found if not record.baseline]
