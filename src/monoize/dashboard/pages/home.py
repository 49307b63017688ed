"""/ : who you are, what you may spend, and what to do next."""

from starlette.requests import Request
from starlette.responses import Response

from monoize.control.edge.here import HouseHere
from monoize.control.edge.wire import Window
from monoize.control.identity.actions import keys, users
from monoize.control.identity.api.here import IdentityHere
from monoize.control.identity.services import public_address
from monoize.dashboard.page import page_router
from monoize.dashboard.render import render
from monoize.dashboard.session import PersonHere

router = page_router()


@router.get("/")
async def show(request: Request, house: HouseHere, identity: IdentityHere, person: PersonHere) -> Response:
    async with house.database.read() as tx:
        user = await users.get_user(tx, person.user_id)
        owned = await keys.list_keys(tx, Window(1, None), user_id=person.user_id)
    return render(
        request,
        "home.html",
        user=user,
        has_keys=bool(owned.items),
        mail_configured=identity.mailer.configured,
        address=public_address(request, house),
    )
