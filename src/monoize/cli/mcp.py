"""`monoize mcp`: MCP servers that agents reach through Monoize, their tools, and what was called."""

from collections.abc import Callable
from typing import Any, Final

import click

from monoize.cli import ask, find, show
from monoize.cli.api import Json
from monoize.cli.failure import Failure
from monoize.cli.invocation import Invocation
from monoize.cli.values import USD, limit_option, yes_option
from monoize.cli.verb import RemoteNoun

COLUMNS: Final = ("name", "url", "enabled", "open_to_keys", "approval", "health", "checked_at", "id")
TOOL_COLUMNS: Final = ("name", "state", "risk", "read_only", "requires_approval", "price_nano_usd", "enabled")
CALL_COLUMNS: Final = (
    "created_at",
    "service_name",
    "tool",
    "caller",
    "decision",
    "denial_code",
    "status",
    "charge_nano_usd",
    "id",
)
USE_COLUMNS: Final = (
    "day",
    "service_name",
    "tool",
    "calls",
    "failed",
    "blocked",
    "response_bytes",
    "latency_ms",
    "charge_nano_usd",
)
RISKS: Final = ("none", "low", "medium", "high", "critical")
UNJUDGED: Final = "unknown"


def service_options(command: Callable[..., None]) -> Callable[..., None]:
    options = (
        click.option("--tenant", metavar="TENANT", help="Only for this tenant, by name or id."),
        click.option("--description"),
        click.option("--credential-stdin", is_flag=True, help="Read what opens the server from stdin."),
        click.option("--credential-header", metavar="NAME", help="`authorization` (as Bearer) when not given."),
        click.option("--oauth-token-url", metavar="URL", help="Where tokens come from, instead of a credential."),
        click.option("--oauth-client-id", metavar="ID", help="Who we are there."),
        click.option("--oauth-scope", metavar="SCOPE", help="What the tokens are to be good for."),
        click.option(
            "--oauth-grant",
            type=click.Choice(["client-secret", "refresh-token"]),
            help="What is then read from stdin: the secret of the client, or a refresh token.",
        ),
        click.option("--private-network/--public", default=None, help="Whether it may lie in your own network."),
        click.option(
            "--open-to-keys/--agents-only", default=None, help="Whether callers without an agent record come in."
        ),
        click.option("--allow", "tools_allow", metavar="GLOB", multiple=True, help="For those; repeatable."),
        click.option("--deny", "tools_deny", metavar="GLOB", multiple=True, help="For those; repeatable."),
        click.option("--approval", type=click.Choice(["never", "writes", "always"]), help="For those."),
        click.option("--timeout-ms", type=click.IntRange(100, 600_000)),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.group(cls=RemoteNoun)
def mcp() -> None:
    """MCP servers behind /mcp/SERVICE. A SERVICE is a name or an id."""


@mcp.command("list")
@limit_option
@click.pass_obj
def list_services(invocation: Invocation, limit: int) -> None:
    """Show the newest services."""
    show.listing(invocation.api.listing("/api/mcp-services", {}, limit=limit), COLUMNS, as_text=invocation.as_text)


@mcp.command("show")
@click.argument("service")
@click.pass_obj
def show_service(invocation: Invocation, service: str) -> None:
    """Show one."""
    show.thing(find.mcp_service(invocation.api, service), as_text=invocation.as_text)


@mcp.command("create")
@click.argument("name")
@click.argument("address", metavar="URL")
@service_options
@click.pass_obj
def create_service(invocation: Invocation, /, name: str, address: str, **given: Any) -> None:
    """Make a server known. Then look at what it offers with `refresh`, and let agents see it with `accept`."""
    made = invocation.api.create("/api/mcp-services", {"name": name, "url": address, **_body(invocation, **given)})
    show.thing(made, as_text=invocation.as_text)
    show.said(f"Made the MCP service {name}. Look at its tools: monoize mcp refresh {name}")


@mcp.command("update")
@click.argument("service")
@click.option("--name", metavar="NEW-NAME")
@click.option("--address", metavar="URL", help="Another server: the credential has to be given anew.")
@click.option("--enable/--disable", "enabled", default=None)
@service_options
@click.pass_obj
def update_service(
    invocation: Invocation,
    /,
    service: str,
    name: str | None,
    address: str | None,
    enabled: bool | None,
    **given: Any,
) -> None:
    """Change what is given."""
    found = find.mcp_service(invocation.api, service)
    own = {"name": name, "url": address, "enabled": enabled}
    body = {field: value for field, value in own.items() if value is not None} | _body(invocation, **given)
    changed = invocation.api.patch(f"/api/mcp-services/{found['id']}", body)
    show.thing(changed, as_text=invocation.as_text)
    show.said(f"Changed the MCP service {changed['name']}.")


@mcp.command("delete")
@click.argument("service")
@yes_option
@click.pass_obj
def delete_service(invocation: Invocation, service: str, yes: bool) -> None:
    """Forget a service with its tools. What was called stays on record."""
    found = find.mcp_service(invocation.api, service)
    ask.confirmed_by_name("MCP service", found["name"], yes=yes)
    invocation.api.delete(f"/api/mcp-services/{found['id']}")
    show.said(f"Deleted the MCP service {found['name']}.")


@mcp.command("refresh")
@click.argument("service")
@click.pass_obj
def refresh_service(invocation: Invocation, service: str) -> None:
    """Look now at what the server offers, and show its tools."""
    found = find.mcp_service(invocation.api, service)
    invocation.api.post(f"/api/mcp-services/{found['id']}/refresh")
    tools = _tools(invocation, found)
    show.listing({"items": tools, "next_cursor": None}, TOOL_COLUMNS, as_text=invocation.as_text)
    differing = [tool["name"] for tool in tools if tool["state"] != "active"]
    if differing:
        names = ", ".join(differing)
        show.said(f"Not as it was accepted: {names}. Look with `monoize mcp tools`, then `monoize mcp accept`.")


@mcp.command("tools")
@click.argument("service")
@click.argument("tool", required=False)
@click.pass_obj
def show_tools(invocation: Invocation, service: str, tool: str | None) -> None:
    """Show the tools of a service; of one TOOL what was accepted and what the server says now."""
    found = find.mcp_service(invocation.api, service)
    if tool is not None:
        show.thing(_tool(invocation, found, tool), as_text=invocation.as_text)
        return
    page = {"items": _tools(invocation, found), "next_cursor": None}
    show.listing(page, TOOL_COLUMNS, as_text=invocation.as_text)


@mcp.command("accept")
@click.argument("service")
@click.argument("tool", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All that differ from what was accepted.")
@click.pass_obj
def accept_tools(invocation: Invocation, service: str, tool: tuple[str, ...], everything: bool) -> None:
    """From now on agents see these tools as the server describes them now; those that are gone are forgotten."""
    if bool(tool) == everything:
        raise click.UsageError("name tools, or say --all")
    found = find.mcp_service(invocation.api, service)
    wanted = [_tool(invocation, found, name) for name in tool] if tool else _tools(invocation, found)
    differing = [one for one in wanted if one["state"] != "active"]
    if not differing:
        show.said("They are as they were accepted.")
        return
    seen = [{"name": one["name"], "found_hash": one["found_hash"]} for one in differing]
    page = invocation.api.create(f"/api/mcp-services/{found['id']}/accept", {"tools": seen})
    show.listing(page, TOOL_COLUMNS, as_text=invocation.as_text)
    show.said(f"Accepted {', '.join(one['name'] for one in differing)}.")


@mcp.command("judge")
@click.argument("service")
@click.argument("tool")
@click.option("--risk", type=click.Choice([*RISKS, UNJUDGED]), help="What nobody has judged is of high risk.")
@click.option("--reads/--writes", "read_only", default=None, help="Whether it changes nothing.")
@click.option("--needs-approval/--no-approval", "requires_approval", default=None)
@click.option("--enable/--disable", "enabled", default=None)
@click.option("--price", "price_nano_usd", type=USD, help="What each call is charged, in USD; 0 makes it free.")
@click.pass_obj
def judge_tool(invocation: Invocation, /, service: str, tool: str, risk: str | None, **given: Any) -> None:
    """Say how dangerous a tool is, whether it only reads, whether it always waits for a yes, and what it costs."""
    found = find.mcp_service(invocation.api, service)
    body: Json = {name: value for name, value in given.items() if value is not None}
    if body.get("price_nano_usd") == "0":
        body["price_nano_usd"] = None
    if risk is not None:
        body["risk"] = None if risk == UNJUDGED else risk
    if not body:
        raise click.UsageError("say what is to change")
    path = f"/api/mcp-services/{found['id']}/tools/{_tool(invocation, found, tool)['id']}"
    show.thing(invocation.api.patch(path, body), as_text=invocation.as_text)
    show.said(f"Changed the tool {tool} of {found['name']}.")


@mcp.command("calls")
@click.option("--service", metavar="SERVICE")
@click.option("--agent", metavar="RECORD", help="Only in the name of this agent record.")
@limit_option
@click.pass_obj
def list_calls(invocation: Invocation, service: str | None, agent: str | None, limit: int) -> None:
    """Show which tools were called, by whom, and what came of it."""
    params = {
        "service_id": None if service is None else find.mcp_service(invocation.api, service)["id"],
        "agent_id": None if agent is None else find.agent_record(invocation.api, agent)["id"],
    }
    page = invocation.api.listing("/api/mcp-calls", params, limit=limit)
    show.listing(page, CALL_COLUMNS, as_text=invocation.as_text)


@mcp.command("usage")
@click.option("--service", metavar="SERVICE")
@click.option("--days", type=click.IntRange(1, 90), default=7, show_default=True)
@click.pass_obj
def list_use(invocation: Invocation, service: str | None, days: int) -> None:
    """Show how often each tool was called, by days."""
    service_id = None if service is None else find.mcp_service(invocation.api, service)["id"]
    page = invocation.api.get("/api/mcp-calls/days", {"days": days, "service_id": service_id})
    show.listing(page, USE_COLUMNS, as_text=invocation.as_text)


def _tools(invocation: Invocation, service: Json) -> list[Json]:
    found: list[Json] = invocation.api.get(f"/api/mcp-services/{service['id']}/tools")["items"]
    return found


def _tool(invocation: Invocation, service: Json, name: str) -> Json:
    for tool in _tools(invocation, service):
        if tool["name"] == name:
            return tool
    raise Failure(
        f"{service['name']} has no tool {name}", hint=f"`monoize mcp refresh {service['name']}` shows them."
    )


def _body(
    invocation: Invocation,
    *,
    tenant: str | None,
    credential_stdin: bool,
    oauth_token_url: str | None,
    oauth_client_id: str | None,
    oauth_scope: str | None,
    oauth_grant: str | None,
    **given: Any,
) -> Json:
    body: Json = {name: value for name, value in given.items() if value is not None and value != ()}
    body |= {name: list(body[name]) for name in ("tools_allow", "tools_deny") if name in body}
    if tenant is not None:
        body["tenant_id"] = find.tenant_id(invocation.api, tenant)
    if credential_stdin:
        body["credential"] = ask.first_line("credential")
    oauth = {"token_url": oauth_token_url, "client_id": oauth_client_id, "scope": oauth_scope}
    if oauth_grant is not None:
        if credential_stdin or None in (oauth_token_url, oauth_client_id):
            raise click.UsageError(
                "--oauth-grant goes with --oauth-token-url and --oauth-client-id, and no credential"
            )
        said = {name: value for name, value in oauth.items() if value is not None}
        body["oauth"] = {**said, oauth_grant.replace("-", "_"): ask.first_line(oauth_grant)}
    elif any(value is not None for value in oauth.values()):
        raise click.UsageError("say with --oauth-grant what is read from stdin")
    return body
