"""`monoize agent-records`: what governs agents, version by version."""

import json
from collections.abc import Callable
from typing import Any, Final

import click

from monoize.cli import ask, find, show
from monoize.cli.api import Json
from monoize.cli.failure import Failure
from monoize.cli.invocation import Invocation
from monoize.cli.values import EMAIL, limit_option, yes_option
from monoize.cli.verb import RemoteNoun
from monoize.cli.yaml_text import TEXT_MOST_BYTES

COLUMNS: Final = ("name", "role_name", "status", "mode", "safety_level", "config_version", "intact", "id")
REVISION_COLUMNS: Final = ("version", "author", "created_at", "reason", "intact", "config_hash")
DIFFERENCE_COLUMNS: Final = ("pointer", "kind", "before", "after")
HEALTH_COLUMNS: Final = ("state", "failures", "last_error", "checked_at", "agent_id")
TEMPLATE_COLUMNS: Final = ("id", "mode", "safety_level", "description")
POLICY_COLUMNS: Final = ("name", "description")
_PATH: Final = "/api/agent-records"
_STATUSES: Final = ("draft", "active", "paused", "disabled", "archived")
_CLEARED: Final[dict[str, Json]] = {
    "description": {"description": None},
    "notes": {"notes": None},
    "owner": {"owner_user_id": None},
    "shadow": {"shadow_policies": []},
    "user-email": {"user_email": None},
    "backup-email": {"backup_user_email": None},
    "escalation-email": {"alert_escalation_email": None},
}

_FIELDS: Final = (
    click.option("--mode", type=click.Choice(["orchestrator", "worker", "dispatcher", "reviewer", "observer"])),
    click.option("--safety", "safety_level", type=click.Choice(["strict", "moderate", "permissive"])),
    click.option("--scope", "tenant_scope", type=click.Choice(["single_tenant", "multi_tenant", "platform"])),
    click.option("--global/--not-global", "is_global", default=None, help="Whether other tenants may use it."),
    click.option("--allow-tenant", "allowed_tenants", metavar="TENANT", multiple=True, help="Repeatable."),
    click.option("--block-tenant", "blocked_tenants", metavar="TENANT", multiple=True, help="Repeatable."),
    click.option(
        "--auth",
        "auth_strategy",
        type=click.Choice(["session", "oauth", "api_key", "zero_trust_plus_oauth", "mtls"]),
        help="How callers have to be signed in at least.",
    ),
    click.option(
        "--require-role", "required_roles", metavar="ROLE", multiple=True, help="Any of these; repeatable."
    ),
    click.option("--approval/--no-approval", "requires_human_approval", default=None),
    click.option("--telemetry/--no-telemetry", "telemetry_enabled", default=None),
    click.option(
        "--policy",
        "policies",
        metavar="NAME=JSON",
        multiple=True,
        help="A policy by its column, such as budgets_json={…} or budgets_json=@FILE; repeatable.",
    ),
    click.option(
        "--shadow",
        "shadow_policies",
        metavar="NAME",
        multiple=True,
        help="A policy that is only tried out: nothing is refused by it; repeatable.",
    ),
    click.option("--owner", metavar="USER", help="Who is asked and told first."),
    click.option("--user-email", type=EMAIL),
    click.option("--alert-email", "additional_alert_emails", type=EMAIL, multiple=True, help="Repeatable."),
    click.option("--backup-email", "backup_user_email", type=EMAIL),
    click.option("--escalation-email", "alert_escalation_email", type=EMAIL),
    click.option("--description"),
    click.option("--notes"),
)


sole_admin_option = click.option(
    "--sole-admin", is_flag=True, help="You are the only administrator, and loosen it without anybody else's yes."
)


def field_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_FIELDS):
        command = option(command)
    return command


@click.group(cls=RemoteNoun, name="agent-records")
def agent_records() -> None:
    """What governs agents. A RECORD is a name or an id."""


@agent_records.command("list")
@click.option("--tenant", metavar="TENANT", help="Only those of this tenant.")
@click.option("--status", type=click.Choice(_STATUSES), help="Only these; without it, all but archived ones.")
@limit_option
@click.pass_obj
def list_records(invocation: Invocation, tenant: str | None, status: str | None, limit: int) -> None:
    """Show the newest records."""
    params = {"tenant_id": find.tenant_id(invocation.api, tenant), "status": status}
    show.listing(invocation.api.listing(_PATH, params, limit=limit), COLUMNS, as_text=invocation.as_text)


@agent_records.command("show")
@click.argument("record")
@click.pass_obj
def show_record(invocation: Invocation, record: str) -> None:
    """Show a record with all its policies."""
    show.thing(find.agent_record(invocation.api, record), as_text=invocation.as_text)


@agent_records.command("create")
@click.argument("name")
@click.option("--role", "role_name", required=True, help="Whose limits hold for it.")
@click.option("--tenant", metavar="TENANT", help="Whose it is; your own when not given.")
@click.option("--template", metavar="ID", help="What is filled in where nothing else is said.")
@click.option("--draft", "is_draft", is_flag=True, help="It does not govern anybody yet.")
@click.option(
    "--baseline",
    type=click.Choice(["platform", "tenant"]),
    help="It governs no agent, but tightens what all records say: of the house, or of its tenant.",
)
@field_options
@click.pass_obj
def create_record(
    invocation: Invocation, /, name: str, tenant: str | None, is_draft: bool, owner: str | None, **said: Any
) -> None:
    """Make a record."""
    body = {"name": name, **_body(invocation, owner, **said)}
    if tenant:
        body["tenant_id"] = find.tenant_id(invocation.api, tenant)
    if is_draft:
        body["status"] = "draft"
    made = invocation.api.create(_PATH, body)
    show.thing(made, as_text=invocation.as_text)
    show.said(f"Created the agent record {name}, id {made['id']}.")
    show.said(f"What is in force for it: `monoize agent-records effective {made['id']}`.")


@agent_records.command("update")
@click.argument("record")
@click.option("--name")
@click.option("--role", "role_name")
@click.option("--status", type=click.Choice(_STATUSES))
@click.option("--clear", "cleared", type=click.Choice(sorted(_CLEARED)), multiple=True, help="Repeatable.")
@click.option("--if-version", "version", type=click.IntRange(min=1), help="Only if this is its version still.")
@click.option("--reason", help="Why, for those who read its versions.")
@sole_admin_option
@field_options
@click.pass_obj
def update_record(
    invocation: Invocation,
    /,
    record: str,
    cleared: tuple[str, ...],
    version: int | None,
    owner: str | None,
    sole_admin: bool,
    **said: Any,
) -> None:
    """Change what is named and keep all else. A policy that is given takes the place of the whole old one."""
    before = find.agent_record(invocation.api, record)
    body = {"version": version or before["config_version"], **_body(invocation, owner, **said)}
    if sole_admin:
        body["sole_admin"] = True
    for name in cleared:
        body |= _CLEARED[name]
    after = invocation.api.patch(f"{_PATH}/{before['id']}", body)
    show.thing(after, as_text=invocation.as_text)
    if _waits(before, after):
        return
    if after["config_version"] == before["config_version"]:
        show.said(f"{after['name']} is at version {after['config_version']} as before.")
    else:
        _said_version(before, after)


@agent_records.command("archive")
@click.argument("record")
@yes_option
@click.pass_obj
def archive_record(invocation: Invocation, record: str, yes: bool) -> None:
    """Let a record govern nobody any more. What it said stays on record."""
    found = find.agent_record(invocation.api, record)
    ask.confirmed_by_name("agent record", found["name"], yes=yes)
    invocation.api.delete(f"{_PATH}/{found['id']}")
    show.said(f"Archived the agent record {found['name']}: its agents do not run.")


@agent_records.command("revisions")
@click.argument("record")
@limit_option
@click.pass_obj
def list_revisions(invocation: Invocation, record: str, limit: int) -> None:
    """Show the versions that a record had."""
    found = find.agent_record(invocation.api, record)
    page = invocation.api.listing(f"{_PATH}/{found['id']}/revisions", {}, limit=limit)
    show.listing(page, REVISION_COLUMNS, as_text=invocation.as_text)


@agent_records.command("diff")
@click.argument("record")
@click.argument("earlier", type=click.IntRange(min=1))
@click.argument("later", type=click.IntRange(min=1), required=False)
@click.pass_obj
def diff_record(invocation: Invocation, record: str, earlier: int, later: int | None) -> None:
    """Show what differs between two versions, or between one and the present one."""
    found = find.agent_record(invocation.api, record)
    params = {"from": earlier, "to": later or found["config_version"]}
    page = invocation.api.get(f"{_PATH}/{found['id']}/diff", params)
    show.listing(page, DIFFERENCE_COLUMNS, as_text=invocation.as_text)


@agent_records.command("rollback")
@click.argument("record")
@click.argument("to", metavar="VERSION", type=click.IntRange(min=1))
@click.option("--reason", help="Why, for those who read its versions.")
@sole_admin_option
@click.pass_obj
def roll_back_record(invocation: Invocation, record: str, to: int, reason: str | None, sole_admin: bool) -> None:
    """Say again what a version said, as a new one."""
    before = find.agent_record(invocation.api, record)
    body: Json = {"to": to, "version": before["config_version"]}
    if reason:
        body["reason"] = reason
    if sole_admin:
        body["sole_admin"] = True
    after = invocation.api.post(f"{_PATH}/{before['id']}/rollback", body)
    show.thing(after, as_text=invocation.as_text)
    if not _waits(before, after):
        _said_version(before, after)


@agent_records.command("apply")
@click.argument("record")
@click.argument("approval")
@click.pass_obj
def apply_change(invocation: Invocation, record: str, approval: str) -> None:
    """Write a change that loosens a record, after another administrator has approved it. An APPROVAL is an id."""
    before = find.agent_record(invocation.api, record)
    after = invocation.api.create(f"{_PATH}/{before['id']}/apply", {"approval_id": approval})
    show.thing(after, as_text=invocation.as_text)
    _said_version(before, after)


@agent_records.command("effective")
@click.argument("record")
@click.option("--tenant", metavar="TENANT", help="As agents of this tenant find it.")
@click.pass_obj
def show_effective(invocation: Invocation, record: str, tenant: str | None) -> None:
    """Show what is in force for agents with a record: baselines and defaults included."""
    found = find.agent_record(invocation.api, record)
    params = {"tenant_id": find.tenant_id(invocation.api, tenant)}
    answer = invocation.api.get(f"{_PATH}/{found['id']}/effective", params)
    policy = answer["policy"]
    flat = {**{name: policy[name] for name in policy if name != "policies"}, **policy["policies"]}
    shown = {**flat, "admission": answer["admission"]} if invocation.as_text else answer
    show.thing(shown, as_text=invocation.as_text)


@agent_records.command("health")
@click.argument("record", required=False)
@limit_option
@click.pass_obj
def show_health(invocation: Invocation, record: str | None, limit: int) -> None:
    """Show how agents are, or what was found of one."""
    if record is None:
        page = invocation.api.listing("/api/agent-health", {}, limit=limit)
        show.listing(page, HEALTH_COLUMNS, as_text=invocation.as_text)
        return
    found = find.agent_record(invocation.api, record)
    show.thing(invocation.api.get(f"/api/agent-health/{found['id']}"), as_text=invocation.as_text)


@agent_records.command("templates")
@click.pass_obj
def list_templates(invocation: Invocation) -> None:
    """Show what a new record can begin with."""
    show.listing(invocation.api.get(f"{_PATH}/templates"), TEMPLATE_COLUMNS, as_text=invocation.as_text)


@agent_records.command("policies")
@click.argument("policy", metavar="[NAME]", required=False)
@click.pass_obj
def list_policies(invocation: Invocation, policy: str | None) -> None:
    """Show all policies that there are, or one with its JSON schema."""
    page = invocation.api.get(f"{_PATH}/policies")
    if policy is None:
        show.listing(page, POLICY_COLUMNS, as_text=invocation.as_text)
        return
    for each in page["items"]:
        if each["name"] == policy:
            show.thing(each, as_text=invocation.as_text)
            return
    raise Failure(f"there is no policy {policy}", hint="`monoize agent-records policies` shows them.")


def _waits(before: Json, answered: Json) -> bool:
    """Whether the answer is no record, but an approval."""
    if "requester" not in answered:
        return False
    show.said(f"This loosens {before['name']}, so another administrator has to approve it first:")
    show.said(f"`monoize approvals approve {answered['id']}`")
    show.said(f"Then write it with `monoize agent-records apply {before['id']} {answered['id']}`.")
    return True


def _said_version(before: Json, after: Json) -> None:
    version = after["config_version"]
    show.said(f"{after['name']} is at version {version}.")
    show.said(f"Compare with `monoize agent-records diff {after['id']} {before['config_version']} {version}`.")


def _body(
    invocation: Invocation,
    owner: str | None,
    policies: tuple[str, ...] = (),
    allowed_tenants: tuple[str, ...] = (),
    blocked_tenants: tuple[str, ...] = (),
    **said: Any,
) -> Json:
    body: Json = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in said.items()
        if value is not None and value != ()
    }
    if owner:
        body["owner_user_id"] = find.user_id(invocation.api, owner)
    if policies:
        body["policies"] = dict(map(_policy, policies))
    if allowed_tenants:
        body["allowed_tenants"] = _tenant_ids(invocation, allowed_tenants)
    if blocked_tenants:
        body["blocked_tenants"] = _tenant_ids(invocation, blocked_tenants)
    return body


def _tenant_ids(invocation: Invocation, tenants: tuple[str, ...]) -> list[str | None]:
    return [tenant if tenant == "*" else find.tenant_id(invocation.api, tenant) for tenant in tenants]


def _policy(given: str) -> tuple[str, Any]:
    name, separator, text = given.partition("=")
    if not separator:
        raise click.UsageError(f"{given!r} is not NAME=JSON or NAME=@FILE")
    if text.startswith("@"):
        text = _text_of(text[1:])
    try:
        return name, json.loads(text)
    except ValueError as problem:
        raise click.UsageError(f"the policy {name} is not JSON: {problem}") from problem


def _text_of(place: str) -> str:
    try:
        with click.open_file(place, encoding="utf-8") as file:
            text = file.read(TEXT_MOST_BYTES + 1)
    except (OSError, UnicodeDecodeError) as problem:
        raise click.UsageError(f"cannot read {place}: {problem}") from problem
    if len(text) > TEXT_MOST_BYTES:
        raise click.UsageError(f"{place} is larger than {TEXT_MOST_BYTES} bytes")
    return str(text)
