"""Who may come into the room: what a token for certain projects reaches, and who is let in during a lockdown.

A dependency of the room's router, so that no endpoint can forget it. For a caller whose token names projects, an
address has to name something of one of them; of others there is nothing to see (404). An address that names nothing
of a project is closed to them, unless its endpoint lists only what is visible and is named in `FILTERED`.
"""

from collections.abc import Collection
from typing import Annotated, Final

from starlette.requests import Request

from monoize.base.errors import NotFound, Refusal
from monoize.base.principal import Call
from monoize.control.edge.caller import identify, requires
from monoize.control.edge.house import house_of
from monoize.control.projects.actions.lockdown import refuse_in_lockdown
from monoize.control.projects.errors import ProjectScopeMissing
from monoize.control.projects.store import scope

_DIGITS_MOST: Final = 18
LOCKDOWN: Final = "/api/lockdown"
FILTERED: Final = frozenset(
    {
        "/api/projects",
        "/api/services",
        "/api/routes",
        "/api/deployments",
        "/api/builds",
        LOCKDOWN,
        "/api/removals",
    }
)
"""Addresses whose GET shows a caller what is visible to them, and nothing else."""


async def within_scope(request: Request, call: Annotated[Call, requires(None)]) -> None:
    visible_projects = visible(call)
    async with house_of(request).database.read() as tx:
        # Whether it is on, and why, everybody may know.
        if request.url.path != LOCKDOWN:
            await refuse_in_lockdown(tx, call.principal)
        if visible_projects is None:
            return
        named = [(name, value) for name, value in request.path_params.items() if scope.is_known(name)]
        if not named:
            if request.method == "GET" and request.url.path in FILTERED:
                return
            raise ProjectScopeMissing
        for name, value in named:
            project_id = await scope.project_of(tx, name, int(value)) if _is_id(value) else None
            if project_id not in visible_projects:
                raise NotFound


async def is_still_admitted(request: Request) -> bool:
    """A stream outlives what its caller may do; so that is asked again and again."""
    try:
        now = await identify(request)
        await within_scope(request, now)
    except Refusal:
        return False
    return now.principal.may("projects.read")


def visible(call: Call) -> Collection[int] | None:
    """The projects that this caller may see; None is all of them."""
    return call.principal.projects


def _is_id(value: str) -> bool:
    """Here it stands as it came; what no database could count to is nothing of theirs."""
    return value.isdecimal() and len(value) <= _DIGITS_MOST
