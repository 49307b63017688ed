"""/verify-email: where the mailed link leads. Looking changes nothing, since mail programs look ahead too."""

from typing import Annotated

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from monoize.base.errors import Refusal
from monoize.control.edge.here import HouseHere
from monoize.control.identity.actions import sign_in
from monoize.control.identity.api.entrance import bound_attempts, visiting
from monoize.control.identity.api.sign_in import EmailLink
from monoize.dashboard.forms import Form, checked, read_form
from monoize.dashboard.page import page_router
from monoize.dashboard.render import render, see_other
from monoize.dashboard.session import VisitorHere

router = page_router()


@router.get("/verify-email")
async def ask(request: Request, visitor: VisitorHere, link: Annotated[str, Query(max_length=512)] = "") -> Response:
    return render(request, "identity/verify_email.html", form=Form({"link": link}))


@router.post("/verify-email")
async def verify(request: Request, house: HouseHere, visitor: VisitorHere) -> Response:
    form = await read_form(request)
    try:
        await bound_attempts(request, house)
        body = checked(EmailLink, link=form.text("link"))
        async with house.audit_log.change(visiting(request)) as change:
            await sign_in.verify_email(change, body.link)
    except Refusal as refusal:
        return render(request, "identity/verify_email.html", form=form.refused(refusal), refusal=refusal)
    return see_other(f"{'/account' if visitor else '/login'}?done=email_verified")
