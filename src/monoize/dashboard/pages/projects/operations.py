"""What is under way in a service, a deployment or a build: one page, which keeps up until it is over."""

import dataclasses
from collections.abc import Awaitable, Callable
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from monoize.control.edge.house import House
from monoize.control.projects.actions import services
from monoize.dashboard.live import live_part
from monoize.dashboard.render import part, render
from monoize.dashboard.session import Person
from monoize.infra.db import Tx

_EVERY_S: Final = 0.5

Look = Callable[[Tx, Person, int], Awaitable[dict[str, Any]]]
"""How it stands; among that the `service_id` that it is of. What is not there is refused."""


@dataclasses.dataclass(frozen=True, slots=True)
class Operation:
    """`template` shows what `look` finds; `siblings` is the tab of the service that has all of its kind."""

    name: str
    siblings: str
    template: str
    look: Look

    async def show(self, request: Request, house: House, person: Person, id: int) -> Response:
        async with house.database.read() as tx:
            state = await self.look(tx, person, id)
            service = await services.get_service(tx, state["service_id"])
        return render(request, "projects/operation.html", operation=self, id=id, service=service, **state)

    async def follow(self, request: Request, house: House, person: Person, id: int) -> Response:
        async def now() -> str:
            async with house.database.read() as tx:
                return part(self.template, **await self.look(tx, person, id))

        # So that one that is not there is an answer and not a stream.
        await now()
        return live_part(request, person, now, every_s=_EVERY_S, permission="projects.read")
