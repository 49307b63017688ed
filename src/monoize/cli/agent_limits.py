"""`monoize agent-limits`: how much agents of a role may do in a tenant."""

from collections.abc import Callable
from typing import Any, Final

import click

from monoize.cli import ask, find, show
from monoize.cli.api import Api, Json
from monoize.cli.failure import Failure
from monoize.cli.invocation import Invocation
from monoize.cli.values import TIME, limit_option, yes_option
from monoize.cli.verb import RemoteNoun

COLUMNS: Final = ("agent_role_id", "cost_tier", "version", "updated_at", "tenant_id", "id")
TIER_COLUMNS: Final = (
    "cost_tier",
    "max_ai_calls_per_day",
    "max_tokens_per_request",
    "max_d1_queries_per_minute",
    "max_r2_operations_per_day",
    "rate_limit_per_minute",
)
NUMBERS: Final = (
    "max_ai_calls_per_day",
    "max_tokens_per_request",
    "max_d1_queries_per_minute",
    "max_r2_operations_per_day",
    "rate_limit_per_minute",
    "max_concurrent",
)
UNLIMITED: Final = "unlimited"
_LISTS: Final = {"allow": "allowed_operations", "block": "blocked_operations", "tools": "allowed_tools"}


class Limit(click.ParamType[Any]):
    """A number, or `unlimited`."""

    name = "limit"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        if value == UNLIMITED or isinstance(value, int):
            return UNLIMITED if value == UNLIMITED else int(value)
        if not value.isdecimal():
            self.fail(f"{value!r} is neither a number nor `unlimited`", param, ctx)
        return int(value)


LIMIT: Final = Limit()
tenant_option = click.option("--tenant", metavar="TENANT", help="In which tenant; in yours when not given.")


def value_options(command: Callable[..., None]) -> Callable[..., None]:
    options = [
        click.option("--tier", "cost_tier", type=click.Choice(["free", "low", "standard", UNLIMITED])),
        *(click.option(f"--{name.replace('_', '-')}", name, type=LIMIT) for name in NUMBERS),
        click.option("--allow", multiple=True, help="An operation they may do, such as `d1_*`; repeatable."),
        click.option("--block", multiple=True, help="An operation they may not do even then; repeatable."),
        click.option("--tool", "tools", multiple=True, help="A tool they may use; repeatable."),
        click.option("--no-tools", is_flag=True, help="They may use no tool."),
        click.option("--any-tool", is_flag=True, help="Their tools are not limited here."),
        click.option("--notes", help="What people should know about it."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.group(cls=RemoteNoun, name="agent-limits")
def agent_limits() -> None:
    """Limits of agents' roles. Without any, a role has those of the tier `free`."""


@agent_limits.command("list")
@tenant_option
@limit_option
@click.pass_obj
def list_limits(invocation: Invocation, tenant: str | None, limit: int) -> None:
    """Show the newest limits, of all tenants when none is named."""
    params = {"tenant_id": find.tenant_id(invocation.api, tenant)}
    page = invocation.api.listing("/api/agent-limits", params, limit=limit)
    show.listing(page, COLUMNS, as_text=invocation.as_text)


@agent_limits.command("tiers")
@click.pass_obj
def list_tiers(invocation: Invocation) -> None:
    """Show what each tier allows."""
    tiers = invocation.api.get("/api/agent-limits/presets")["items"]
    if not invocation.as_text:
        show.as_json(tiers)
        return
    show.table(
        [show.label(name) for name in TIER_COLUMNS],
        [[UNLIMITED if tier[name] is None else str(tier[name]) for name in TIER_COLUMNS] for tier in tiers],
    )


@agent_limits.command("show")
@click.argument("role")
@tenant_option
@click.pass_obj
def show_limits(invocation: Invocation, role: str, tenant: str | None) -> None:
    """Show the limits of a role, and what is raised for a while."""
    found = _found(invocation.api, role, tenant)
    overrides = invocation.api.get(f"/api/agent-limits/{found['id']}/overrides")["items"]
    show.thing({**found, "overrides": overrides}, as_text=invocation.as_text)


@agent_limits.command("set")
@click.argument("role")
@tenant_option
@value_options
@click.pass_obj
def set_limits(invocation: Invocation, /, role: str, tenant: str | None, **values: Any) -> None:
    """Give a role limits, or change those it has; a tier brings its values along."""
    body, api = _body(**values), invocation.api
    found = _maybe(api, role, tenant)
    if found is None:
        owner = find.tenant_id(api, tenant)
        body |= {"agent_role_id": role} | ({"tenant_id": owner} if owner else {})
        made = api.create("/api/agent-limits", body)
        show.thing(made, as_text=invocation.as_text)
        show.said(f"Gave the role {role} limits of the tier {made['cost_tier']}.")
        return
    changed = api.patch(f"/api/agent-limits/{found['id']}", {**body, "version": found["version"]})
    show.thing(changed, as_text=invocation.as_text)
    show.said(f"Changed the limits of the role {role}.")


@agent_limits.command("delete")
@click.argument("role")
@tenant_option
@yes_option
@click.pass_obj
def delete_limits(invocation: Invocation, role: str, tenant: str | None, yes: bool) -> None:
    """Take the limits of a role away: it then has those of the tier `free`."""
    found = _found(invocation.api, role, tenant)
    ask.confirmed_by_name("limits of", role, yes=yes)
    invocation.api.delete(f"/api/agent-limits/{found['id']}")
    show.said(f"Deleted the limits of the role {role}: it has those of the tier free.")


@agent_limits.command("override")
@click.argument("role")
@click.argument("limit_name", metavar="LIMIT", type=click.Choice(NUMBERS))
@click.argument("value", type=LIMIT)
@tenant_option
@click.option("--until", type=TIME, required=True, help="Until when.")
@click.option("--reason", required=True, help="Why; it is kept in the audit log.")
@click.pass_obj
def override_limit(
    invocation: Invocation, role: str, limit_name: str, value: Any, tenant: str | None, until: str, reason: str
) -> None:
    """Let one limit be another until a moment. A super_admin can do it."""
    found = _found(invocation.api, role, tenant)
    body = {"limit_name": limit_name, "value": _number(value), "until": until, "reason": reason}
    made = invocation.api.create(f"/api/agent-limits/{found['id']}/overrides", body)
    show.thing(made, as_text=invocation.as_text)
    show.said(f"The limit {limit_name} of the role {role} is {value} until {until}.")


def _number(value: int | str) -> int | None:
    return None if isinstance(value, str) else value


def _body(
    cost_tier: str | None, tools: tuple[str, ...], no_tools: bool, any_tool: bool, notes: str | None, **given: Any
) -> Json:
    if (bool(tools), no_tools, any_tool).count(True) > 1:
        raise click.UsageError("--tool, --no-tools and --any-tool exclude each other")
    body: Json = {name: _number(given[name]) for name in NUMBERS if given[name] is not None}
    body |= {_LISTS[name]: list(given[name]) for name in ("allow", "block") if given[name]}
    if tools or no_tools or any_tool:
        body["allowed_tools"] = None if any_tool else list(tools)
    return body | {name: text for name, text in (("cost_tier", cost_tier), ("notes", notes)) if text is not None}


def _found(api: Api, role: str, tenant: str | None) -> Json:
    found = _maybe(api, role, tenant)
    if found is None:
        hint = "It has those of the tier `free`: `monoize agent-limits tiers` shows them."
        raise Failure(f"the role {role} has no limits of its own", hint=hint)
    return found


def _maybe(api: Api, role: str, tenant: str | None) -> Json | None:
    owner = find.tenant_id(api, tenant) or api.get("/api/me")["tenant_id"]
    for item in api.items("/api/agent-limits", {"agent_role_id": role, "tenant_id": owner}, limit=1):
        return item
    return None
