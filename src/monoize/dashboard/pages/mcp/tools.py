"""/mcp-services/{id}: the tools of a server: what was accepted, what it says now, and how each is judged."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from monoize.base.errors import Refusal
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.edge.wire import Uuid
from monoize.control.identity.services import public_address
from monoize.control.mcp.actions import services
from monoize.control.mcp.api.tools import AcceptTools, McpToolUpdate
from monoize.control.mcp.model.services import McpTool, tool_subject
from monoize.dashboard.forms import Form, checked, read_form
from monoize.dashboard.page import page_router
from monoize.dashboard.pages.governance.visit import Reader, Writer
from monoize.dashboard.pages.mcp import words
from monoize.dashboard.render import render, see_other
from monoize.dashboard.session import Person

router = page_router()

# Ticks are fields of a form, which has a bound.
ACCEPTED_AT_ONCE: Final = 50
_TICK: Final = "accept:"
_RISKS: Final = (
    ("", "Nobody has judged it: high"),
    ("none", "None"),
    ("low", "Low"),
    ("medium", "Medium"),
    ("high", "High"),
    ("critical", "Critical"),
)
_EXPECTED: Final = {"risk": "Choose one of these."}


@router.get("/mcp-services/{service_id}")
async def show(service_id: Uuid, request: Request, house: HouseHere, person: Reader) -> Response:
    return await show_service(request, house, person, service_id)


@router.post("/mcp-services/{service_id}/accept")
async def accept(service_id: Uuid, request: Request, house: HouseHere, person: Writer) -> Response:
    """Each tick brings the hash of the tool as it was shown: what has changed meanwhile is not accepted."""
    form = await read_form(request)
    ticked = {name.removeprefix(_TICK): hash for name, hash in form.values.items() if name.startswith(_TICK)}
    try:
        if not ticked:
            raise Refusal("Nothing is ticked.", hint="Tick the tools that you have looked at.")
        seen = [{"name": name, "found_hash": hash or None} for name, hash in ticked.items()]
        body = checked(AcceptTools, tools=seen)
        wanted = {tool.name: tool.found_hash for tool in body.tools}
        async with house.audit_log.change(person.call) as change:
            await services.accept_tools(change, service_id, wanted)
    except Refusal as refusal:
        return await show_service(request, house, person, service_id, refusal)
    return see_other(f"/mcp-services/{service_id}?done=mcp_tools_accepted")


@router.get("/mcp-services/{service_id}/tools/{tool_id}")
async def show_tool(
    service_id: Uuid, tool_id: Uuid, request: Request, house: HouseHere, person: Reader
) -> Response:
    return await _one(request, house, service_id, tool_id, None)


@router.post("/mcp-services/{service_id}/tools/{tool_id}")
async def judge(service_id: Uuid, tool_id: Uuid, request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    try:
        body = checked(
            McpToolUpdate,
            _EXPECTED,
            risk=form.text("risk"),
            read_only=bool(form.shown("read_only")),
            requires_approval=bool(form.shown("requires_approval")),
            enabled=bool(form.shown("enabled")),
        )
        async with house.audit_log.change(person.call) as change:
            await services.update_tool(change, service_id, tool_id, body.sent(clearable=("risk",)))
    except Refusal as refusal:
        return await _one(request, house, service_id, tool_id, form.refused(refusal))
    return see_other(f"/mcp-services/{service_id}/tools/{tool_id}?done=mcp_tool_saved")


async def show_service(
    request: Request, house: House, person: Person, service_id: str, refusal: Refusal | None = None
) -> Response:
    async with house.database.read() as tx:
        service = await services.get_service(tx, service_id)
        tools = await services.list_tools(tx, service_id)
    waiting = [tool for tool in tools if tool.state != "active"]
    return render(
        request,
        "mcp/service.html",
        service=service,
        accepted=[tool for tool in tools if tool.state == "active"],
        waiting=waiting[:ACCEPTED_AT_ONCE],
        not_shown=len(waiting) - ACCEPTED_AT_ONCE,
        tick=_TICK,
        reached_at=f"{public_address(request, house)}/mcp/{service.name}",
        may_change=person.may("governance.write"),
        refusal=refusal,
        words=words,
    )


async def _one(request: Request, house: House, service_id: str, tool_id: str, form: Form | None) -> Response:
    async with house.database.read() as tx:
        service = await services.get_service(tx, service_id)
        tool = await services.get_tool(tx, service_id, tool_id)
    form = form or _shown(tool)
    return render(
        request,
        "mcp/tool.html",
        service=service,
        tool=tool,
        subject=tool_subject(service.name, tool.name),
        lines=words.definition_lines(tool.definition, tool.found_definition) if tool.state != "active" else [],
        tick=_TICK,
        form=form,
        refusal=form.refusal,
        risks=_RISKS,
        words=words,
    )


def _shown(tool: McpTool) -> Form:
    ticks = ("read_only", "requires_approval", "enabled")
    return Form({"risk": tool.risk or "", **{name: "yes" if getattr(tool, name) else "" for name in ticks}})
