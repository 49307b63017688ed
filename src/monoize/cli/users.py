"""`monoize users`: the accounts of people, for administrators."""

from typing import Any, get_args

import click

from monoize.base.principal import UserRole
from monoize.cli import ask, find, show
from monoize.cli.api import Json
from monoize.cli.invocation import Invocation
from monoize.cli.values import EMAIL, USERNAME, limit_option, yes_option
from monoize.cli.verb import RemoteNoun

COLUMNS = ("username", "role", "enabled", "email", "balance_nano_usd", "last_login_at", "id")

_CLEARED: dict[str, Any] = {"email": None, "name": None, "groups": []}

email_option = click.option("--email", type=EMAIL)
name_option = click.option("--name", help="The person's name, as it is shown.")
role_option = click.option("--role", type=click.Choice(get_args(UserRole)))
tenant_option = click.option("--tenant", metavar="TENANT", help="Name or id of the tenant it belongs to.")
groups_option = click.option(
    "--group", "groups", multiple=True, help="A group whose channels it may use; repeatable."
)
password_option = click.option("--password-stdin", is_flag=True, help="Read its password from stdin.")


@click.group(cls=RemoteNoun)
def users() -> None:
    """People's accounts. A USER is a username or an id."""


@users.command("list")
@limit_option
@click.pass_obj
def list_users(invocation: Invocation, limit: int) -> None:
    """Show the newest accounts."""
    show.listing(invocation.api.listing("/api/users", {}, limit=limit), COLUMNS, as_text=invocation.as_text)


@users.command("show")
@click.argument("user")
@click.pass_obj
def show_user(invocation: Invocation, user: str) -> None:
    """Show one account with everything about it."""
    show.thing(find.user(invocation.api, user), as_text=invocation.as_text)


@users.command("create")
@click.argument("username", type=USERNAME)
@email_option
@name_option
@role_option
@tenant_option
@groups_option
@password_option
@click.pass_obj
def create_user(invocation: Invocation, /, username: str, password_stdin: bool, **given: Any) -> None:
    """Make an account."""
    body = {"username": username, **_body(invocation, password_stdin=password_stdin, **given)}
    created = invocation.api.create("/api/users", body)
    show.thing(created, as_text=invocation.as_text)
    show.said(f"Created the user {username}.")
    if password_stdin:
        show.said(f"They sign in with `monoize login --url {invocation.server} --name {username}`.")
    else:
        show.said(f"It has no password yet; set one with `monoize users update {username} --password-stdin`.")


@users.command("update")
@click.argument("user")
@click.option("--username", type=USERNAME, help="Its new username.")
@email_option
@name_option
@role_option
@tenant_option
@groups_option
@password_option
@click.option("--clear", multiple=True, type=click.Choice(list(_CLEARED)), help="Take a value away; repeatable.")
@click.pass_obj
def update_user(
    invocation: Invocation,
    /,
    user: str,
    username: str | None,
    password_stdin: bool,
    clear: tuple[str, ...],
    **given: Any,
) -> None:
    """Change what is given and nothing else. A new password ends the account's sessions."""
    body = _body(invocation, password_stdin=password_stdin, **given)
    if username:
        body["username"] = username
    for what in clear:
        body["allowed_groups" if what == "groups" else what] = _CLEARED[what]
    if not body:
        raise click.UsageError("nothing to change was given")
    changed = _changed(invocation, user, body)
    show.thing(changed, as_text=invocation.as_text)
    show.said(f"Updated the user {changed['username']}.")


@users.command("disable")
@click.argument("user")
@click.pass_obj
def disable_user(invocation: Invocation, user: str) -> None:
    """Shut an account out and end its sessions."""
    changed = _changed(invocation, user, {"enabled": False})
    if invocation.json:
        show.as_json(changed)
    name = changed["username"]
    show.said(f"Disabled the user {name}: their sessions have ended and their keys are refused.")
    show.said(f"Undo it with `monoize users enable {name}`; signing in again is up to them.")


@users.command("enable")
@click.argument("user")
@click.pass_obj
def enable_user(invocation: Invocation, user: str) -> None:
    """Let a disabled account in again."""
    changed = _changed(invocation, user, {"enabled": True})
    if invocation.json:
        show.as_json(changed)
    show.said(f"Enabled the user {changed['username']}: they can sign in again, and their keys work.")


@users.command("delete")
@click.argument("user")
@yes_option
@click.pass_obj
def delete_user(invocation: Invocation, user: str, yes: bool) -> None:
    """Delete an account with its sessions and keys."""
    found = find.user(invocation.api, user)
    ask.confirmed_by_name("user", found["username"], yes=yes)
    invocation.api.delete(f"/api/users/{found['id']}")
    show.said(f"Deleted the user {found['username']}. The audit log keeps what they did.")


def _body(
    invocation: Invocation,
    *,
    email: str | None,
    name: str | None,
    role: str | None,
    tenant: str | None,
    groups: tuple[str, ...],
    password_stdin: bool,
) -> Json:
    given = {
        "email": email,
        "name": name,
        "role": role,
        "password": ask.first_line("password") if password_stdin else None,
        "tenant_id": find.tenant_id(invocation.api, tenant),
        "allowed_groups": list(groups) or None,
    }
    return {field: value for field, value in given.items() if value is not None}


def _changed(invocation: Invocation, user: str, body: Json) -> Json:
    user_id = find.user_id(invocation.api, user)
    changed: Json = invocation.api.patch(f"/api/users/{user_id}", body)
    return changed
