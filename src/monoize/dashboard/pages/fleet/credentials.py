"""The credential that a pool's hosts share: its history without its secrets, compared, replaced and rolled back."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from monoize.base.errors import Refusal
from monoize.control.edge.here import HouseHere
from monoize.control.edge.wire import BIG_INTEGER_MOST, Window
from monoize.control.fleet.actions import history, pools
from monoize.control.fleet.api.credentials import CredentialRollback
from monoize.control.fleet.api.wire import PoolRef
from monoize.control.fleet.model import json_text
from monoize.control.fleet.model.comparison import Difference
from monoize.dashboard.amounts import whole
from monoize.dashboard.forms import Form, checked, invalid, read_form
from monoize.dashboard.page import page_router
from monoize.dashboard.pages.fleet.pools import show_pool
from monoize.dashboard.pages.fleet.visit import Reader, Writer
from monoize.dashboard.pages.fleet.words import ORIGINS
from monoize.dashboard.render import render, see_other

router = page_router()

_FIRST: Final = Window(20, None)
PayloadId = Annotated[int, Query(ge=1, le=BIG_INTEGER_MOST)]


@router.get("/pools/{pool}/payloads/{payload}")
async def show(pool: PoolRef, payload: str, request: Request, house: HouseHere, person: Reader) -> Response:
    async with house.database.read() as tx:
        view = await history.show(tx, house.seal, pool, history.payload_id_of(payload))
        found = await pools.get_pool(tx, pool)
    return render(
        request,
        "fleet/payload.html",
        pool=found,
        view=view,
        origins=ORIGINS,
        may_change=person.may("fleet.write"),
    )


@router.get("/pools/{pool}/compare")
async def compare(
    pool: PoolRef, before: PayloadId, after: PayloadId, request: Request, house: HouseHere, person: Reader
) -> Response:
    async with house.database.read() as tx:
        found = await pools.get_pool(tx, pool)
        comparison = await history.compare(tx, house.seal, pool, before, after)
    return render(
        request,
        "fleet/compare.html",
        pool=found,
        comparison=comparison,
        lines=difference_lines(comparison.differences),
    )


@router.post("/pools/{pool}/upload")
async def upload(pool: PoolRef, request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    try:
        document = _document(form)
        force = bool(form.shown("force"))
        async with house.audit_log.change(person.call) as change:
            await history.upload(change, house.seal, pool, document, force=force)
    except Refusal as refusal:
        # A login that was entered is not shown again.
        kept = Form({"force": form.shown("force")}).refused(refusal)
        return await show_pool(request, house, person, pool, _FIRST, upload=kept)
    return see_other(f"/pools/{pool}?done=credential_uploaded")


@router.post("/pools/{pool}/roll-back")
async def roll_back(pool: PoolRef, request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    body = checked(CredentialRollback, payload_id=whole(form, "payload_id"))
    async with house.audit_log.change(person.call) as change:
        await history.rollback(change, house.seal, pool, body.payload_id)
    return see_other(f"/pools/{pool}?done=credential_rolled_back")


@router.post("/pools/{pool}/payloads/{payload}/forget")
async def forget(pool: PoolRef, payload: str, house: HouseHere, person: Writer) -> Response:
    async with house.audit_log.change(person.call) as change:
        await history.forget(change, pool, history.payload_id_of(payload))
    return see_other(f"/pools/{pool}?done=credential_forgotten")


def difference_lines(differences: Sequence[Difference]) -> list[tuple[str, str]]:
    """For `ui.diff`: what each place was before, and what it is after."""
    lines = []
    for each in differences:
        if each.before is not None:
            lines.append(("-", f"{each.pointer}: {each.before}"))
        if each.after is not None:
            lines.append(("+", f"{each.pointer}: {each.after}"))
    return lines


def _document(form: Form) -> Any:
    """By our own reader, which leaves its numbers as they are."""
    try:
        return json_text.read(form.shown("auth").encode())
    except ValueError as problem:
        raise invalid(auth=f"This is not the file that the tool wrote: {problem}") from None
