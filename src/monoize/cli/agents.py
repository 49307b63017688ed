"""`monoize agents`: one's agents, each with a token of its own, a machine if it was given one, and channels."""

import json
import re
from typing import Any, Final

import click

from monoize.cli import ask, find, show
from monoize.cli.api import Json
from monoize.cli.invocation import Invocation
from monoize.cli.operations import follow
from monoize.cli.plans import PRESET
from monoize.cli.values import Matching, limit_option, yes_option
from monoize.cli.verb import RemoteNoun

COLUMNS: Final = ("name", "enabled", "vps_id", "config_id", "created_at", "id")
CHANNELS: Final = ("kind", "keys", "has_webhook_secret", "set_at", "delivered", "problem")
KINDS: Final = ("whatsapp", "telegram", "discord", "slack", "signal", "web")
_PATH: Final = "/api/agents"

NAME: Final = Matching("name", re.compile(r"\S(.{0,62}\S)?"), "1 to 64 characters")
user_option = click.option("--user", metavar="USER", help="Whose, by username or id, if not one's own.")
wait_option = click.option("--wait", is_flag=True, help="Show the steps until it is done.")


@click.group(cls=RemoteNoun)
def agents() -> None:
    """Agents and their tokens. An AGENT is a name or an id."""


@agents.command("list")
@user_option
@click.option("--everybody", is_flag=True, help="All users' agents.")
@limit_option
@click.pass_obj
def list_agents(invocation: Invocation, user: str | None, everybody: bool, limit: int) -> None:
    """Show the newest agents."""
    asked: Json = {"user_id": find.user_id(invocation.api, user), "everybody": everybody or None}
    show.listing(invocation.api.listing(_PATH, asked, limit=limit), COLUMNS, as_text=invocation.as_text)


@agents.command("show")
@click.argument("agent")
@click.pass_obj
def show_agent(invocation: Invocation, agent: str) -> None:
    """Show one agent."""
    show.thing(find.agent(invocation.api, agent), as_text=invocation.as_text)


@agents.command("create")
@click.argument("name", type=NAME)
@click.option("--preset", type=PRESET, help="Give it a machine of this preset.")
@wait_option
@user_option
@click.option("--record", "config_id", help="The governance record that limits it.")
@click.pass_obj
def create_agent(
    invocation: Invocation, name: str, preset: str | None, wait: bool, user: str | None, config_id: str | None
) -> None:
    """Make an agent. Its token is printed alone, and never again."""
    if wait and preset is None:
        raise click.UsageError("--wait is for the machine that --preset asks for")
    api = invocation.api
    preset_id = api.get(f"/api/vps-configs/{preset}")["id"] if preset else None
    body = {"name": name, "user_id": find.user_id(api, user), "config_id": config_id}
    made = api.create(_PATH, {key: value for key, value in body.items() if value is not None})
    agent_id = made["agent"]["id"]
    show.said(f"Created the agent {name}, {agent_id}.")
    asked = api.create(f"{_PATH}/{agent_id}/vps", {"vps_config_id": preset_id}) if preset_id else None
    _show_token(made if asked is None else {**made, **asked}, as_text=invocation.as_text)
    if asked is not None:
        _begun(invocation, asked["operation"], wait=wait)


@agents.command("provision")
@click.argument("agent")
@click.argument("preset", type=PRESET)
@wait_option
@click.pass_obj
def provision(invocation: Invocation, agent: str, preset: str, wait: bool) -> None:
    """Give an agent a machine."""
    api = invocation.api
    agent_id, preset_id = find.agent(api, agent)["id"], api.get(f"/api/vps-configs/{preset}")["id"]
    asked = api.create(f"{_PATH}/{agent_id}/vps", {"vps_config_id": preset_id})
    show.thing(asked["machine"] if invocation.as_text else asked, as_text=invocation.as_text)
    _begun(invocation, asked["operation"], wait=wait)


@agents.command("update")
@click.argument("agent")
@click.option("--name", type=NAME, help="Its new name.")
@click.option("--record", "config_id", help="The governance record that limits it.")
@click.option("--no-record", is_flag=True, help="No record limits it any more.")
@click.pass_obj
def update_agent(
    invocation: Invocation, agent: str, name: str | None, config_id: str | None, no_record: bool
) -> None:
    """Change what is given and nothing else."""
    if no_record and config_id:
        raise click.UsageError("--record and --no-record exclude each other")
    body: Json = {"name": name} if name else {}
    if config_id or no_record:
        body["config_id"] = config_id
    if not body:
        raise click.UsageError("nothing to change was given")
    _changed(invocation, agent, body, "Updated the agent")


@agents.command("enable")
@click.argument("agent")
@click.pass_obj
def enable_agent(invocation: Invocation, agent: str) -> None:
    """Let it out again."""
    _changed(invocation, agent, {"enabled": True}, "Enabled the agent")


@agents.command("disable")
@click.argument("agent")
@click.pass_obj
def disable_agent(invocation: Invocation, agent: str) -> None:
    """Its token opens nothing until it is enabled again; its machine stays."""
    _changed(invocation, agent, {"enabled": False}, "Disabled the agent")


@agents.command("rotate")
@click.argument("agent")
@click.pass_obj
def rotate_token(invocation: Invocation, agent: str) -> None:
    """Give it another token, printed alone; the old one is refused at once, its machine gets the new one."""
    agent_id = find.agent(invocation.api, agent)["id"]
    _show_token(invocation.api.post(f"{_PATH}/{agent_id}/rotate-token", {}), as_text=invocation.as_text)


@agents.command("delete")
@click.argument("agent")
@yes_option
@wait_option
@click.pass_obj
def delete_agent(invocation: Invocation, agent: str, yes: bool, wait: bool) -> None:
    """Delete an agent, and destroy its machine with all that is on it."""
    found = find.agent(invocation.api, agent)
    ask.confirmed_by_name("agent", found["name"], yes=yes)
    operation = invocation.api.delete(f"{_PATH}/{found['id']}")
    show.said(f"Deleted the agent {found['name']}.")
    if operation:
        _begun(invocation, operation, wait=wait)


@agents.command("usage")
@click.argument("agent")
@click.pass_obj
def agent_usage(invocation: Invocation, agent: str) -> None:
    """Show what its machine has used this month."""
    found = find.agent(invocation.api, agent)
    show.thing(invocation.api.get(f"{_PATH}/{found['id']}/usage"), as_text=invocation.as_text)


@agents.command("channels")
@click.argument("agent")
@click.pass_obj
def list_channels(invocation: Invocation, agent: str) -> None:
    """Show by which channels people reach it, which keys are set, and whether its machine was told."""
    found = find.agent(invocation.api, agent)
    told = invocation.api.get(f"{_PATH}/{found['id']}/channels")
    if not invocation.as_text:
        show.as_json(told)
        return
    rows = [[show.value(name, each[name]) for name in CHANNELS] for each in told["items"]]
    show.table([show.label(name) for name in CHANNELS], rows)
    for removal in told["removing"]:
        because = f": {removal['problem']}" if removal["problem"] else ""
        show.said(f"Its machine has yet to forget {removal['kind']}{because}.")


@agents.command("set-channel")
@click.argument("agent")
@click.argument("kind", type=click.Choice(KINDS))
@click.pass_obj
def set_channel(invocation: Invocation, agent: str, kind: str) -> None:
    """Set the credentials of a channel, read from stdin as a JSON object on one line; they are never shown.

    Its key `webhook_secret`, if there is one, is kept as that.
    """
    credentials = _credentials()
    secret = credentials.pop("webhook_secret", None)
    found = find.agent(invocation.api, agent)
    body: dict[str, Any] = {"kind": kind, "credentials": credentials}
    if secret is not None:
        body["webhook_secret"] = secret
    made = invocation.api.create(f"{_PATH}/{found['id']}/channels", body)
    show.thing(made, as_text=invocation.as_text)
    show.said(f"Set the channel {kind} of {found['name']}.")


@agents.command("remove-channel")
@click.argument("agent")
@click.argument("kind", type=click.Choice(KINDS))
@yes_option
@click.pass_obj
def remove_channel(invocation: Invocation, agent: str, kind: str, yes: bool) -> None:
    """Forget the credentials of a channel."""
    found = find.agent(invocation.api, agent)
    ask.confirmed_by_name("channel", kind, yes=yes)
    invocation.api.delete(f"{_PATH}/{found['id']}/channels/{kind}")
    show.said(f"Removed the channel {kind} of {found['name']}.")


def _credentials() -> Json:
    try:
        document = json.loads(ask.first_line("credentials"))
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or not document:
        raise click.UsageError('the credentials are one JSON object of texts, such as {"bot_token": "…"}')
    return document


def _changed(invocation: Invocation, agent: str, body: Json, said: str) -> None:
    found = find.agent(invocation.api, agent)
    changed = invocation.api.patch(f"{_PATH}/{found['id']}", body)
    show.thing(changed, as_text=invocation.as_text)
    show.said(f"{said} {changed['name']}.")


def _show_token(made: Json, *, as_text: bool) -> None:
    """Alone, so that it can be piped to where it belongs."""
    if as_text:
        click.echo(made["gateway_token"])
    else:
        show.as_json(made)


def _begun(invocation: Invocation, operation: Json, *, wait: bool) -> None:
    if wait:
        follow(invocation.api, operation["id"])
    else:
        show.said(f"Follow it with `monoize operations follow {operation['id']}`.")
