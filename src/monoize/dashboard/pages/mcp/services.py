"""/mcp-services: MCP servers that agents reach through us: added, looked at, changed, taken away."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from monoize.base.errors import Refusal
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.edge.windows import uuid_window
from monoize.control.edge.wire import Uuid, Window
from monoize.control.identity.actions import tenants
from monoize.control.identity.services import public_address
from monoize.control.mcp.actions import services
from monoize.control.mcp.api.here import McpHere
from monoize.control.mcp.api.services import CLEARABLE, McpServiceCreate, McpServiceUpdate
from monoize.control.mcp.errors import McpTimeout, McpUnreachable
from monoize.control.mcp.model.services import McpService
from monoize.dashboard.amounts import whole
from monoize.dashboard.destroying import Doomed, ask_name, check_name
from monoize.dashboard.forms import Form, checked, read_form
from monoize.dashboard.page import page_router
from monoize.dashboard.pages.governance.visit import Reader, Writer
from monoize.dashboard.pages.mcp import words
from monoize.dashboard.pages.mcp.tools import show_service
from monoize.dashboard.render import next_address, render, see_other

router = page_router()

PATH: Final = "/mcp-services"
_ALL: Final = Window(200, None)
_TIMEOUT: Final = "Use milliseconds from 100 to 600000."
_GLOBS: Final = "Use names of tools, one on each line; * stands for any part of a name."
_EXPECTED: Final[Mapping[str, str]] = {
    "name": "Use lower-case letters, digits and dashes, 40 at most.",
    "url": "Use an address such as https://mcp.example.com/mcp, without a name or a password in it.",
    "tenant_id": "Choose one of these.",
    "description": "Use 500 characters at most.",
    "credential": "Use 4096 characters at most, without blanks.",
    "credential_header": "Use the name of a header in lower case, such as authorization or x-api-key.",
    "tools_allow": _GLOBS,
    "tools_deny": _GLOBS,
    "approval": "Choose one of these.",
    "timeout_ms": _TIMEOUT,
}


@router.get(PATH)
async def show(
    request: Request, house: HouseHere, person: Reader, window: Annotated[Window, Depends(uuid_window)]
) -> Response:
    async with house.database.read() as tx:
        page = await services.list_services(tx, window)
        waiting = await services.tools_waiting(tx)
    return render(
        request,
        "mcp/services.html",
        services=page.items,
        waiting=waiting,
        words=words,
        next_address=next_address(request, PATH, page),
    )


@router.get("/mcp-services/new")
async def ask(request: Request, house: HouseHere, person: Writer) -> Response:
    first = Form(
        {"credential_header": "authorization", "approval": "writes", "timeout_ms": "30000", "enabled": "yes"}
    )
    return await _form(request, house, first)


@router.post(PATH)
async def create(request: Request, house: HouseHere, mcp: McpHere, person: Writer) -> Response:
    form = await read_form(request)
    try:
        body = checked(McpServiceCreate, _EXPECTED, credential=form.password("credential"), **_entered(form))
        async with house.audit_log.change(person.call) as change:
            made = await services.create_service(change, house.seal, body.model_dump())
    except Refusal as refusal:
        return await _form(request, house, form.refused(refusal))
    try:
        await mcp.discovery.refresh(made.id)
    except (McpUnreachable, McpTimeout):
        # The service is kept, and its page says why it does not answer.
        return see_other(f"{PATH}/{made.id}?done=mcp_service_created_unseen")
    return see_other(f"{PATH}/{made.id}?done=mcp_service_created")


@router.get("/mcp-services/{service_id}/edit")
async def ask_edit(service_id: Uuid, request: Request, house: HouseHere, person: Writer) -> Response:
    service = await _find(house, service_id)
    return await _form(request, house, _shown(service), service)


@router.post("/mcp-services/{service_id}/edit")
async def edit(service_id: Uuid, request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    service = await _find(house, service_id)
    try:
        body = checked(McpServiceUpdate, _EXPECTED, **_credential(form), **_entered(form))
        async with house.audit_log.change(person.call) as change:
            await services.update_service(change, house.seal, service_id, body.sent(clearable=CLEARABLE))
    except Refusal as refusal:
        return await _form(request, house, form.refused(refusal), service)
    return see_other(f"{PATH}/{service_id}?done=mcp_service_saved")


@router.post("/mcp-services/{service_id}/refresh")
async def refresh(service_id: Uuid, request: Request, house: HouseHere, mcp: McpHere, person: Writer) -> Response:
    """Look now at what the server offers."""
    try:
        await mcp.discovery.refresh(service_id)
    except (McpUnreachable, McpTimeout) as refusal:
        return await show_service(request, house, person, service_id, refusal)
    async with house.audit_log.change(person.call) as change:
        await services.refreshed(change, service_id)
    return see_other(f"{PATH}/{service_id}?done=mcp_service_refreshed")


@router.get("/mcp-services/{service_id}/delete")
async def ask_delete(service_id: Uuid, request: Request, house: HouseHere, person: Writer) -> Response:
    return ask_name(request, _doomed(await _find(house, service_id)))


@router.post("/mcp-services/{service_id}/delete")
async def delete(service_id: Uuid, request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    doomed = _doomed(await _find(house, service_id))
    try:
        check_name(form, doomed)
        async with house.audit_log.change(person.call) as change:
            await services.delete_service(change, service_id)
    except Refusal as refusal:
        return ask_name(request, doomed, form.refused(refusal))
    return see_other(f"{PATH}?done=mcp_service_deleted")


def _doomed(service: McpService) -> Doomed:
    gone = (
        "Agents do not reach it any more. Its credential and all that was accepted of its tools are gone; "
        "what was called stays on record."
    )
    at = f"{PATH}/{service.id}"
    return Doomed("MCP service", service.name, gone, f"{at}/delete", at)


def _entered(form: Form) -> dict[str, Any]:
    """All but the credential, of a new service or of one that is there."""
    return {
        "name": form.text("name"),
        "url": form.text("url"),
        "tenant_id": form.text("tenant_id"),
        "description": form.text("description"),
        "credential_header": form.text("credential_header") or "authorization",
        "enabled": bool(form.shown("enabled")),
        "private_network": bool(form.shown("private_network")),
        "open_to_keys": bool(form.shown("open_to_keys")),
        "tools_allow": form.lines("tools_allow") or None,
        "tools_deny": form.lines("tools_deny"),
        "approval": form.text("approval"),
        "timeout_ms": whole(form, "timeout_ms", _TIMEOUT),
    }


def _credential(form: Form) -> dict[str, Any]:
    """Nothing entered leaves the credential as it is."""
    if form.shown("without_credential"):
        return {"credential": None}
    entered = form.password("credential")
    return {} if entered is None else {"credential": entered}


def _shown(service: McpService) -> Form:
    return Form(
        {
            "name": service.name,
            "url": service.url,
            "tenant_id": service.tenant_id or "",
            "description": service.description or "",
            "credential_header": service.credential_header,
            "enabled": "yes" if service.enabled else "",
            "private_network": "yes" if service.private_network else "",
            "open_to_keys": "yes" if service.open_to_keys else "",
            "tools_allow": "\n".join(service.tools_allow or ()),
            "tools_deny": "\n".join(service.tools_deny),
            "approval": service.approval,
            "timeout_ms": str(service.timeout_ms),
        }
    )


async def _form(request: Request, house: House, form: Form, service: McpService | None = None) -> Response:
    """Of a new one, or of one that is there."""
    async with house.database.read() as tx:
        known = (await tenants.list_tenants(tx, _ALL)).items
    return render(
        request,
        "mcp/service_form.html",
        form=form,
        refusal=form.refusal,
        service=service,
        tenants=[("", "All tenants"), *((tenant.id, tenant.name) for tenant in known)],
        approvals=words.APPROVALS,
        reached_at=f"{public_address(request, house)}/mcp/",
    )


async def _find(house: House, service_id: str) -> McpService:
    async with house.database.read() as tx:
        return await services.get_service(tx, service_id)
