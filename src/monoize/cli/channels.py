"""`monoize channels`: the endpoints of a provider, each with a key of its own."""

from pathlib import Path
from typing import Any, Final

import click

from monoize.cli import ask, find, show, upstreams
from monoize.cli.api import Json
from monoize.cli.invocation import Invocation
from monoize.cli.upstreams import (
    affinity_options,
    base_url_option,
    key_options,
    models_option,
    multiplier_option,
    price_provider_option,
    probe_options,
    type_option,
)
from monoize.cli.values import yes_option
from monoize.cli.verb import RemoteNoun

_CLEARED: Final[dict[str, Json]] = {
    "affinity": {"affinity": {}},
    "key": {"api_key": None},
    "models": {"models": []},
    "price-provider": {"price_provider": None},
    "probe": {"probe": {}},
    "type": {"type": None},
}
weight_option = click.option("--weight", type=click.IntRange(min=0), help="Its share of the calls; 0 is none.")
enabled_option = click.option("--enable/--disable", "enabled", default=None, help="Whether it is tried at all.")


@click.group(cls=RemoteNoun)
def channels() -> None:
    """Endpoints of providers. A PROVIDER and a CHANNEL are names or ids; `monoize providers show` lists them."""


@channels.command("add")
@click.argument("provider")
@click.argument("name")
@base_url_option
@key_options
@type_option
@weight_option
@enabled_option
@price_provider_option
@models_option
@multiplier_option
@probe_options
@affinity_options
@click.pass_obj
def add_channel(invocation: Invocation, /, provider: str, name: str, base_url: str | None, **options: Any) -> None:
    """Add one to a provider."""
    if base_url is None:
        raise click.UsageError("a channel has a --base-url")
    body = {"name": name, "base_url": base_url, **_body(**options)}
    found = find.provider(invocation.api, provider)
    changed = invocation.api.create(f"/api/providers/{found['id']}/channels", body)
    upstreams.shown(invocation, changed)
    show.said(f"Added the channel {name} to {found['name']}.")
    upstreams.warn_of_unpriced(changed)


@channels.command("update")
@click.argument("provider")
@click.argument("channel")
@click.option("--name", help="Its new name.")
@base_url_option
@key_options
@type_option
@weight_option
@enabled_option
@price_provider_option
@models_option
@multiplier_option
@probe_options
@affinity_options
@click.option("--clear", multiple=True, type=click.Choice(list(_CLEARED)), help="Back to nothing; repeatable.")
@click.pass_obj
def update_channel(
    invocation: Invocation,
    /,
    provider: str,
    channel: str,
    name: str | None,
    base_url: str | None,
    clear: tuple[str, ...],
    **options: Any,
) -> None:
    """Change what is given and nothing else. A new host takes its key again."""
    body = {**upstreams.given({"name": name, "base_url": base_url}), **_body(**options)}
    for what in clear:
        body |= _CLEARED[what]
    if not body:
        raise click.UsageError("nothing to change was given")
    owner = find.provider(invocation.api, provider)
    found = find.channel(owner, channel)
    body = upstreams.kept(body, found, "probe", "affinity", clear=clear)
    changed = invocation.api.patch(f"/api/providers/{owner['id']}/channels/{found['id']}", body)
    upstreams.shown(invocation, changed)
    show.said(f"Updated the channel {body.get('name', found['name'])} of {owner['name']}.")
    upstreams.warn_of_unpriced(changed)


@channels.command("remove")
@click.argument("provider")
@click.argument("channel")
@yes_option
@click.pass_obj
def remove_channel(invocation: Invocation, provider: str, channel: str, yes: bool) -> None:
    """Delete one with its key."""
    owner = find.provider(invocation.api, provider)
    found = find.channel(owner, channel)
    ask.confirmed_by_name("channel", found["name"], yes=yes)
    invocation.api.delete(f"/api/providers/{owner['id']}/channels/{found['id']}")
    show.said(f"Deleted the channel {found['name']} of {owner['name']} with its key.")


def _body(
    *, key_stdin: bool, key_file: Path | None, models: tuple[str, ...], multiplier: str | None, **plain: Any
) -> Json:
    offered = upstreams.offers(models, multiplier)
    body = upstreams.given({**plain, "api_key": upstreams.key(key_stdin=key_stdin, key_file=key_file)})
    body = upstreams.grouped(body, "probe", "affinity")
    return {**body, "models": offered} if offered else body
