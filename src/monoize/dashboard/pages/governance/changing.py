"""How a record is changed on a page: what differs is shown first, and only what was shown is written.

The form carries the digest of what was shown. Where it says something else by then, it is shown once more.
"""

from collections.abc import Mapping
from typing import Any

from monoize.control.edge.house import House
from monoize.control.governance.actions import records
from monoize.control.governance.actions.records import Preview
from monoize.control.governance.api.agent_records_wire import CLEARABLE, RecordUpdate
from monoize.control.governance.model.records import AgentRecord
from monoize.dashboard.amounts import whole
from monoize.dashboard.forms import Form, checked
from monoize.dashboard.pages.governance.records import led_to
from monoize.dashboard.session import Person


def body_of(form: Form, expected: Mapping[str, str], **given: Any) -> RecordUpdate:
    return checked(
        RecordUpdate,
        expected,
        **given,
        version=whole(form, "version"),
        reason=form.text("reason"),
        sole_admin=bool(form.text("sole_admin")),
    )


def given_of(body: RecordUpdate) -> dict[str, Any]:
    """The fields of the record among what was sent."""
    values = body.sent(clearable=CLEARABLE)
    return {name: value for name, value in values.items() if name not in ("version", "reason", "sole_admin")}


async def shown_or_written(
    house: House, person: Person, form: Form, record_id: str, body: RecordUpdate, done: str
) -> Preview | str:
    """The address to go on to once it is written; else what would change."""
    given = given_of(body)
    async with house.database.read() as tx:
        found = await records.preview(tx, record_id, given)
    if form.text("step") != "save" or form.text("digest") != found.digest:
        return found
    async with house.audit_log.change(person.call) as change:
        result = await records.update_record(
            change,
            house.seal,
            record_id,
            given,
            version=body.version,
            reason=body.reason,
            sole_admin=body.sole_admin,
        )
    return led_to(record_id, result, done)


def kept(record: AgentRecord, values: Mapping[str, str]) -> Form:
    """What a form begins with: the version that is changed goes with it."""
    return Form({**values, "version": str(record.config_version)})
