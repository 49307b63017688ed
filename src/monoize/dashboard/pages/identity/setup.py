"""/setup: the first account of a new house, made by whoever holds the link that was printed at its start."""

from typing import Annotated

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from monoize.base.errors import Refusal
from monoize.control.edge.here import HouseHere
from monoize.control.identity.actions import first_account
from monoize.control.identity.api.entrance import bound_attempts, new_user, open_session, visiting
from monoize.control.identity.api.here import IdentityHere
from monoize.control.identity.api.sign_in import FirstAccount
from monoize.control.identity.errors import FirstAccountExists, LinkSpent
from monoize.dashboard.forms import Form, checked, read_form
from monoize.dashboard.page import page_router
from monoize.dashboard.pages.identity.sign_in import entered
from monoize.dashboard.render import render

router = page_router()

Link = Annotated[str, Query(max_length=512)]


@router.get("/setup")
async def show(request: Request, house: HouseHere, link: Link = "") -> Response:
    """The form for somebody with a good link; for anybody else, where to find one."""
    async with house.database.read() as tx:
        if link == "" and await first_account.is_awaited(tx):
            return render(request, "identity/setup_link.html")
        try:
            await first_account.check_link(tx, link)
        except (FirstAccountExists, LinkSpent) as refusal:
            return _closed(request, refusal)
    return render(request, "identity/setup.html", form=Form({"link": link}))


@router.post("/setup")
async def make(request: Request, house: HouseHere, identity: IdentityHere) -> Response:
    form = await read_form(request)
    try:
        await bound_attempts(request, house)
        body = checked(
            FirstAccount,
            link=form.text("link"),
            username=form.text("username"),
            email=form.text("email"),
            password=form.password("password"),
        )
        form.check_repeated("password")
        new = await new_user(identity, body)
        async with house.audit_log.change(visiting(request)) as change:
            user = await first_account.create_first_account(change, new, link=body.link)
    except (FirstAccountExists, LinkSpent) as refusal:
        return _closed(request, refusal)
    except Refusal as refusal:
        return render(request, "identity/setup.html", form=form.refused(refusal), refusal=refusal)
    return entered(request, await open_session(request, house, user, "first-account"), "/start")


def _closed(request: Request, refusal: FirstAccountExists | LinkSpent) -> Response:
    exists = isinstance(refusal, FirstAccountExists)
    return render(request, "identity/setup_closed.html", refusal=refusal, exists=exists)
