"""Who looks at a page: only the session cookie counts here, whatever other credential a request carries.

`PersonHere` is somebody signed in (otherwise PageRoute sends them to sign in), `VisitorHere` perhaps nobody.
"""

import dataclasses
from typing import Annotated, Any

from fastapi import Depends
from starlette.requests import Request

from monoize.base.errors import Forbidden, TooMany, Unauthenticated
from monoize.base.principal import Call, Permission
from monoize.control.edge.caller import NotPermitted, by_cookie
from monoize.control.edge.house import house_of


@dataclasses.dataclass(frozen=True, slots=True)
class Person:
    """Somebody signed in, and the session they came by."""

    call: Call
    user_id: str
    session_id: str

    @property
    def name(self) -> str:
        return self.call.principal.name

    @property
    def role(self) -> str:
        return self.call.principal.role

    def may(self, permission: Permission) -> bool:
        return self.call.principal.may(permission)

    def whose(self, *, only_own: bool = False) -> str | None:
        """Whose money and requests they look at. None is everybody's, for those who may read the ledger."""
        return self.user_id if only_own or not self.may("ledger.read") else None


async def person_of(request: Request) -> Person:
    principal = await house_of(request).authenticator.authenticate(by_cookie(request))
    assert principal.user_id and principal.session_id
    call = Call(principal, request.state.request_id, request.state.ip)
    person = Person(call, principal.user_id, principal.session_id)
    request.state.call, request.state.person = call, person
    return person


async def _visitor(request: Request) -> Person | None:
    try:
        return await person_of(request)
    except (Unauthenticated, Forbidden, TooMany):
        return None


PersonHere = Annotated[Person, Depends(person_of)]
VisitorHere = Annotated[Person | None, Depends(_visitor)]


def permitted(permission: Permission) -> Any:
    """A dependency that yields the Person if they have `permission`."""

    async def checked(person: PersonHere) -> Person:
        if not person.may(permission):
            raise NotPermitted(hint=f"Ask an administrator for the permission {permission}.", needed=permission)
        return person

    return Depends(checked)
