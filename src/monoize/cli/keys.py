"""`monoize keys`: API keys, the credentials of models' clients; one's own, or with the permission another's."""

from collections.abc import Callable
from typing import Any, Final

import click

from monoize.cli import ask, find, rules, show
from monoize.cli.api import Json
from monoize.cli.invocation import Invocation
from monoize.cli.rules import transforms_option
from monoize.cli.values import TIME, USD, limit_option, yes_option
from monoize.cli.verb import RemoteNoun

COLUMNS = ("name", "key_prefix", "enabled", "expires_at", "last_used_at", "monthly_budget_nano_usd", "id")

_CLEARED: Final[dict[str, Json]] = {
    "expiry": {"expires_at": None},
    "models": {"model_limits_enabled": False, "model_limits": []},
    "ips": {"ip_whitelist": []},
    "groups": {"allowed_groups": []},
    "max-multiplier": {"max_multiplier": None},
    "redirects": {"model_redirects": []},
    "transforms": {"transforms": []},
    "requests-per-minute": {"requests_per_minute": None},
    "tokens-per-minute": {"tokens_per_minute": None},
    "max-concurrent": {"max_concurrent": None},
    "daily-budget": {"daily_budget_nano_usd": None},
    "monthly-budget": {"monthly_budget_nano_usd": None},
    "cache": {"cache_ttl_s": None},
}

_POSITIVE: Final = click.IntRange(min=1)
_LIMITS: Final = (
    click.option("--expires-at", type=TIME, help="When it stops working."),
    click.option("--model", "models", multiple=True, help="A model it may use, such as `gpt-*`; repeatable."),
    click.option("--ip", "ips", multiple=True, help="An address or network it may be used from; repeatable."),
    click.option("--group", "groups", multiple=True, help="A group whose channels it may use; repeatable."),
    click.option("--max-multiplier", metavar="FACTOR", help="The dearest channel it may use, such as 1.5."),
    click.option(
        "--redirect",
        "redirects",
        metavar="PATTERN=MODEL",
        multiple=True,
        help="Names that mean another model, such as 'gpt-4.*=gpt-5'; repeatable.",
    ),
    transforms_option,
    click.option("--requests-per-minute", type=_POSITIVE),
    click.option("--tokens-per-minute", type=_POSITIVE),
    click.option("--max-concurrent", type=_POSITIVE, help="Requests at the same time."),
    click.option("--daily-budget-usd", "daily_budget_nano_usd", type=USD),
    click.option("--monthly-budget-usd", "monthly_budget_nano_usd", type=USD),
    click.option(
        "--capture",
        "request_capture_mode",
        type=click.Choice(["off", "capture-all", "capture-only-abnormal"]),
        help="Which requests are kept whole, if the server allows it.",
    ),
    click.option(
        "--cache-seconds",
        "cache_ttl_s",
        type=_POSITIVE,
        help="For how long an answer is given once more to the very same request.",
    ),
)

owner_option = click.option("--user", metavar="USER", help="Whose; your own when not given.")


def limit_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_LIMITS):
        command = option(command)
    return command


@click.group(cls=RemoteNoun)
def keys() -> None:
    """API keys. A KEY is an id, a prefix or a name."""


@keys.command("list")
@owner_option
@click.option("--everybody", is_flag=True, help="The keys of all users.")
@limit_option
@click.pass_obj
def list_keys(invocation: Invocation, user: str | None, everybody: bool, limit: int) -> None:
    """Show the newest keys."""
    if user and everybody:
        raise click.UsageError("--user and --everybody exclude each other")
    params = {"user_id": find.user_id(invocation.api, user), "everybody": everybody or None}
    columns = ("user_id", *COLUMNS) if everybody else COLUMNS
    page = invocation.api.listing("/api/keys", params, limit=limit)
    show.listing(page, columns, as_text=invocation.as_text)


@keys.command("show")
@click.argument("key")
@owner_option
@click.pass_obj
def show_key(invocation: Invocation, key: str, user: str | None) -> None:
    """Show one key with all its limits."""
    _shown(invocation, _found(invocation, key, user))


@keys.command("create")
@click.argument("name")
@owner_option
@limit_options
@click.pass_obj
def create_key(invocation: Invocation, /, name: str, user: str | None, **limits: Any) -> None:
    """Make a key. Its secret is printed this once, alone on stdout."""
    body = {"name": name, **_body(**limits)}
    owner_id = find.user_id(invocation.api, user)
    if owner_id:
        body["user_id"] = owner_id
    created = invocation.api.create("/api/keys", body)
    show.secret(created, as_text=invocation.as_text)
    show.said(f"Created the key {name}, id {created['key']['id']}. Keep its secret: it is not shown again.")
    show.said("A client sends it as `Authorization: Bearer …`.")


@keys.command("update")
@click.argument("key")
@owner_option
@click.option("--name", help="Its new name.")
@click.option("--enable/--disable", "enabled", default=None, help="Whether it works.")
@limit_options
@click.option("--clear", multiple=True, type=click.Choice(list(_CLEARED)), help="Take a limit away; repeatable.")
@click.pass_obj
def update_key(
    invocation: Invocation,
    /,
    key: str,
    user: str | None,
    name: str | None,
    enabled: bool | None,
    clear: tuple[str, ...],
    **limits: Any,
) -> None:
    """Change what is given and nothing else."""
    body = {field: value for field, value in (("name", name), ("enabled", enabled)) if value is not None}
    body |= _body(**limits)
    for what in clear:
        body |= _CLEARED[what]
    if not body:
        raise click.UsageError("nothing to change was given")
    found = _found(invocation, key, user)
    changed = invocation.api.patch(f"/api/keys/{found['id']}", body)
    _shown(invocation, changed)
    show.said(f"Updated the key {changed['name']}; it holds from the next request on.")


@keys.command("govern")
@click.argument("key")
@click.argument("record")
@owner_option
@click.pass_obj
def govern_key(invocation: Invocation, key: str, record: str, user: str | None) -> None:
    """Have the agent record RECORD govern what is asked with a key."""
    found, governing = _found(invocation, key, user), find.agent_record(invocation.api, record)
    body = {"record_id": governing["id"]}
    changed = invocation.api.put(f"/api/keys/{found['id']}/agent-record", body)
    _shown(invocation, changed)
    show.said(f"The key {changed['name']} is governed by {governing['name']} from the next request on.")


@keys.command("ungovern")
@click.argument("key")
@owner_option
@click.pass_obj
def ungovern_key(invocation: Invocation, key: str, user: str | None) -> None:
    """Have no agent record govern a key any more."""
    found = _found(invocation, key, user)
    invocation.api.delete(f"/api/keys/{found['id']}/agent-record")
    show.said(f"No agent record governs the key {found['name']} any more, unless it is an agent's own.")


@keys.command("delete")
@click.argument("key")
@owner_option
@yes_option
@click.pass_obj
def delete_key(invocation: Invocation, key: str, user: str | None, yes: bool) -> None:
    """Delete a key; what still uses it is refused at once."""
    found = _found(invocation, key, user)
    ask.confirmed_by_name("key", found["name"], yes=yes)
    # The ledger settles the sub-account of the key, if it has one.
    invocation.api.delete(f"/api/ledger/keys/{found['id']}")
    show.said(f"Deleted the key {found['name']} ({found['key_prefix']}…). Clients that use it are refused now.")


def _shown(invocation: Invocation, key: Json) -> None:
    if invocation.as_text:
        redirects = [f"{rule['pattern']}={rule['replace']}" for rule in key["model_redirects"]]
        key = {**key, "model_redirects": redirects, "transforms": rules.shown(key["transforms"])}
    show.thing(key, as_text=invocation.as_text)


def _found(invocation: Invocation, key: str, user: str | None) -> Json:
    return find.key(invocation.api, key, owner_id=find.user_id(invocation.api, user))


def _body(
    *,
    models: tuple[str, ...],
    ips: tuple[str, ...],
    groups: tuple[str, ...],
    redirects: tuple[str, ...],
    transforms: tuple[str, ...],
    **plain: Any,
) -> Json:
    body = {field: value for field, value in plain.items() if value is not None}
    if models:
        body |= {"model_limits_enabled": True, "model_limits": list(models)}
    if ips:
        body["ip_whitelist"] = list(ips)
    if groups:
        body["allowed_groups"] = list(groups)
    if redirects:
        body["model_redirects"] = [_redirect(text) for text in redirects]
    if transforms:
        body["transforms"] = rules.read(transforms)
    return body


def _redirect(text: str) -> Json:
    pattern, _, model = text.rpartition("=")
    if not pattern or not model:
        raise click.UsageError("--redirect is PATTERN=MODEL, such as 'gpt-4.*=gpt-5'")
    return {"pattern": pattern, "replace": model}
