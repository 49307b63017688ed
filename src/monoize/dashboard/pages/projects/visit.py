"""Who may look at the room of projects and change it: by permission, and in a lockdown administrators alone."""

from typing import Annotated, Any, Final

from fastapi import Depends
from starlette.requests import Request

from monoize.base.principal import Permission
from monoize.control.edge.house import house_of
from monoize.control.projects.actions.lockdown import refuse_in_lockdown
from monoize.dashboard.session import Person, permitted


def _visiting(permission: Permission) -> Any:
    async def admitted(request: Request, person: Annotated[Person, permitted(permission)]) -> Person:
        async with house_of(request).database.read() as tx:
            await refuse_in_lockdown(tx, person.call.principal)
        return person

    return Depends(admitted)


Reader = Annotated[Person, _visiting("projects.read")]
Writer = Annotated[Person, _visiting("projects.write")]
Administrator = Annotated[Person, _visiting("projects.admin")]

ROUTING: Final = (
    ("Routes", "/routes"),
    ("Domains", "/domains"),
    ("Certificates", "/certificates"),
    ("Proxy", "/proxy"),
)


def routing_ways(person: Person) -> list[tuple[str, str]]:
    """Tabs of what leads from an address to a service; all but the routes are administrators'."""
    return list(ROUTING if person.may("projects.admin") else ROUTING[:1])


def service_ways(service_id: int) -> list[tuple[str, str]]:
    at = f"/services/{service_id}"
    names = ("Logs", "Releases", "Builds", "Routes", "Links", "Environment", "Exec", "Settings")
    return [("Overview", at), *((name, f"{at}/{name.lower()}") for name in names)]
