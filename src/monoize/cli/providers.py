"""`monoize providers`: the upstreams of the gateway, and which of them is tried first."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from monoize.cli import ask, find, rules, show, upstreams
from monoize.cli.api import Json
from monoize.cli.failure import Failure
from monoize.cli.invocation import Invocation
from monoize.cli.rules import transforms_option
from monoize.cli.trials import discover, test
from monoize.cli.upstreams import (
    base_url_option,
    key_options,
    models_option,
    multiplier_option,
    price_provider_option,
    type_option,
)
from monoize.cli.values import yes_option
from monoize.cli.verb import RemoteNoun

COLUMNS: Final = ("name", "type", "enabled", "groups", "models", "channels", "health", "unpriced_models", "id")
PRESET_COLUMNS: Final = ("id", "title", "type", "base_url", "price_provider", "needs_key")
SHOWN_MOST: Final = 1_000
FIRST_CHANNEL: Final = "default"

_CLEARED: Final[dict[str, Json]] = {
    "groups": {"groups": []},
    "models": {"models": []},
    "max-retries": {"max_retries": None},
    "price-provider": {"price_provider": None},
    "type-overrides": {"type_overrides": []},
    "transforms": {"transforms": []},
    "timeouts": {"timeouts": {}},
    "probe": {"probe": {}},
}
_TIMEOUTS: Final = ("connect_ms", "first_byte_ms", "idle_ms", "total_ms")
_POSITIVE: Final = click.IntRange(min=1)
_ANY: Final = click.IntRange(min=0)
_SETTINGS: Final = (
    click.option("--group", "groups", multiple=True, help="Only for callers of this group; repeatable."),
    price_provider_option,
    click.option("--max-retries", type=_ANY, help="Further tries in all; one for each channel when not given."),
    click.option("--channel-retries", "channel_max_retries", type=_ANY, help="Further tries on one channel."),
    click.option("--retry-interval-ms", "channel_retry_interval_ms", type=_ANY, help="Before each of those."),
    click.option(
        "--breaker/--no-breaker", "circuit_breaker_enabled", default=None, help="Leave broken ones alone."
    ),
    click.option("--type-override", "type_overrides", metavar="GLOB=TYPE", multiple=True, help="Repeatable."),
    transforms_option,
    click.option("--connect-timeout-ms", "connect_ms", type=_POSITIVE),
    click.option("--first-byte-timeout-ms", "first_byte_ms", type=_POSITIVE),
    click.option("--idle-timeout-ms", "idle_ms", type=_POSITIVE),
    click.option("--total-timeout-ms", "total_ms", type=_POSITIVE),
)


def settings_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_SETTINGS):
        command = option(command)
    return upstreams.probe_options(command)


@click.group(cls=RemoteNoun)
def providers() -> None:
    """Upstreams of the gateway. A PROVIDER is a name or an id."""


providers.add_command(test)
providers.add_command(discover)


@providers.command("list")
@click.pass_obj
def list_providers(invocation: Invocation) -> None:
    """Show all of them, the one that is tried first at the top."""
    page = invocation.api.listing("/api/providers", {}, limit=SHOWN_MOST)
    if invocation.as_text:
        page = {**page, "items": [_line(provider) for provider in page["items"]]}
    show.listing(page, COLUMNS, as_text=invocation.as_text)


@providers.command("show")
@click.argument("provider")
@click.pass_obj
def show_provider(invocation: Invocation, provider: str) -> None:
    """Show one with its channels."""
    upstreams.shown(invocation, find.provider(invocation.api, provider))


@providers.command("presets")
@click.pass_obj
def presets(invocation: Invocation) -> None:
    """Show the well-known upstreams that `create --preset` takes."""
    show.listing(invocation.api.get("/api/providers/presets"), PRESET_COLUMNS, as_text=invocation.as_text)


@providers.command("create")
@click.argument("name")
@click.option("--preset", metavar="PRESET", help="A well-known upstream; `monoize providers presets` lists them.")
@type_option
@base_url_option
@key_options
@models_option
@multiplier_option
@settings_options
@click.pass_obj
def create_provider(
    invocation: Invocation,
    /,
    name: str,
    preset: str | None,
    type: str | None,
    base_url: str | None,
    key_stdin: bool,
    key_file: Path | None,
    models: tuple[str, ...],
    multiplier: str | None,
    **settings: Any,
) -> None:
    """Make one, with a channel where its address is known. It is tried after all others."""
    body = {"name": name, **_body(**settings)}
    offered = upstreams.offers(models, multiplier)
    known = upstreams.preset(invocation, preset) if preset else {}
    key = upstreams.key(key_stdin=key_stdin, key_file=key_file)
    type, base_url = type or known.get("type"), base_url or known.get("base_url")
    if type is None:
        raise click.UsageError("name a --preset, or a --type and a --base-url")
    if key is None and known.get("needs_key"):
        raise click.UsageError(f"the preset {preset} needs a key: give --key-stdin or --key-file")
    if key is not None and base_url is None:
        raise click.UsageError("a key belongs to a channel: give its --base-url too")
    body |= {"type": type, "models": offered}
    body.setdefault("price_provider", known.get("price_provider"))
    if base_url:
        body["channels"] = [upstreams.given({"name": FIRST_CHANNEL, "base_url": base_url, "api_key": key})]
    created = invocation.api.create("/api/providers", body)
    upstreams.shown(invocation, created)
    show.said(f"Created the provider {name}; it is tried after all others.")
    upstreams.warn_of_unpriced(created)


@providers.command("update")
@click.argument("provider")
@click.option("--name", help="Its new name.")
@click.option("--enable/--disable", "enabled", default=None, help="Whether it is tried at all.")
@type_option
@models_option
@click.option("--add-model", "added", metavar="NAME[=UPSTREAM]", multiple=True, help="Repeatable.")
@click.option("--remove-model", "removed", metavar="NAME", multiple=True, help="Repeatable.")
@multiplier_option
@settings_options
@click.option("--clear", multiple=True, type=click.Choice(list(_CLEARED)), help="Back to nothing; repeatable.")
@click.pass_obj
def update_provider(
    invocation: Invocation,
    /,
    provider: str,
    name: str | None,
    enabled: bool | None,
    type: str | None,
    models: tuple[str, ...],
    added: tuple[str, ...],
    removed: tuple[str, ...],
    multiplier: str | None,
    clear: tuple[str, ...],
    **settings: Any,
) -> None:
    """Change what is given and nothing else. --model takes the place of all models."""
    if models and (added or removed):
        raise click.UsageError("--model takes the place of all models: it excludes --add-model and --remove-model")
    body = {**upstreams.given({"name": name, "enabled": enabled, "type": type}), **_body(**settings)}
    new = upstreams.offers((*models, *added), multiplier)
    for what in clear:
        body |= _CLEARED[what]
    if not (body or new or removed):
        raise click.UsageError("nothing to change was given")
    found = find.provider(invocation.api, provider)
    if new or removed:
        gone = {*removed, *(offer["name"] for offer in new)}
        kept = [] if models else [offer for offer in found["models"] if offer["name"] not in gone]
        body["models"] = kept + new
    body = upstreams.kept(body, found, "timeouts", "probe", clear=clear)
    changed = invocation.api.patch(f"/api/providers/{found['id']}", body)
    upstreams.shown(invocation, changed)
    show.said(f"Updated the provider {changed['name']}.")
    upstreams.warn_of_unpriced(changed)


@providers.command("delete")
@click.argument("provider")
@yes_option
@click.pass_obj
def delete_provider(invocation: Invocation, provider: str, yes: bool) -> None:
    """Delete one with its channels and their keys."""
    found = find.provider(invocation.api, provider)
    ask.confirmed_by_name("provider", found["name"], yes=yes)
    invocation.api.delete(f"/api/providers/{found['id']}")
    show.said(f"Deleted the provider {found['name']} with {len(found['channels'])} channels and their keys.")


@providers.command("reorder")
@click.argument("wanted", metavar="PROVIDER...", nargs=-1, required=True)
@click.pass_obj
def reorder(invocation: Invocation, wanted: tuple[str, ...]) -> None:
    """Try these first, in this order; the others stay behind them as they are."""
    everybody = list(invocation.api.items("/api/providers", {}, limit=SHOWN_MOST))
    ids = {provider["id"]: provider["id"] for provider in everybody}
    ids |= {provider["name"]: provider["id"] for provider in everybody}
    for name in wanted:
        if name not in ids:
            raise Failure(f"there is no provider {name}", hint="`monoize providers list` shows them.")
    first = list(dict.fromkeys(ids[name] for name in wanted))
    others = [provider["id"] for provider in everybody if provider["id"] not in first]
    invocation.api.put("/api/providers/order", {"provider_ids": first + others})
    names = {provider["id"]: provider["name"] for provider in everybody}
    show.said(f"They are tried in this order: {', '.join(names[id] for id in first + others)}.")


def _line(provider: Json) -> Json:
    channels = [channel["name"] for channel in provider["channels"]]
    return {
        **provider,
        "models": len(provider["models"]),
        "channels": channels,
        "health": upstreams.health(provider["channels"]),
    }


def _body(
    *, groups: tuple[str, ...], type_overrides: tuple[str, ...], transforms: tuple[str, ...], **plain: Any
) -> Json:
    body = upstreams.grouped(upstreams.given(plain), "probe")
    timeouts = {name: body.pop(name) for name in _TIMEOUTS if name in body}
    if timeouts:
        body["timeouts"] = timeouts
    if groups:
        body["groups"] = list(groups)
    if type_overrides:
        body["type_overrides"] = [_override(text) for text in type_overrides]
    if transforms:
        body["transforms"] = rules.read(transforms)
    return body


def _override(text: str) -> Json:
    pattern, _, type = text.rpartition("=")
    if not pattern or not type:
        raise click.UsageError("--type-override is GLOB=TYPE, such as 'claude-*=messages'")
    return {"pattern": pattern, "type": type}
