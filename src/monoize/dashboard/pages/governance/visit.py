"""Who may look at the rules of agents and change them, and how a record is led around."""

from typing import Annotated, Final

from monoize.control.governance.model.records import AgentRecord
from monoize.control.governance.model.stops import may_stop
from monoize.dashboard.session import Person, permitted

Reader = Annotated[Person, permitted("governance.read")]
Writer = Annotated[Person, permitted("governance.write")]

RECORDS: Final = "/agent-records"
APPROVALS: Final = "/approvals"
LIMITS: Final = "/agent-limits"
STOPS: Final = "/stops"
ESCALATIONS: Final = "/escalations"
BUCKETS: Final = "/buckets"
OBJECTS: Final = "/objects"


def at(record_id: str) -> str:
    return f"{RECORDS}/{record_id}"


def tabs_of(record: AgentRecord) -> list[tuple[str, str]]:
    """A baseline governs no agent by itself, so nothing of its own is in force."""
    in_force = [] if record.baseline else [("In force", f"{at(record.id)}/effective")]
    return [
        ("Record", at(record.id)),
        ("Policies", f"{at(record.id)}/policies"),
        *in_force,
        ("Versions", f"{at(record.id)}/versions"),
    ]


def inventory_ways(person: Person) -> list[tuple[str, str]]:
    """Tabs of the objects and of the buckets that they lie in, which are administrators'."""
    return [("Objects", OBJECTS), *([("Buckets", BUCKETS)] if person.may("governance.read") else [])]


def may_stop_record(person: Person, record: AgentRecord) -> bool:
    return person.may("governance.write") and may_stop(person.call.principal, "agent", record.tenant_id)
