"""What `monoize providers` and `monoize channels` share: the options of both, and how people read what they made.

A key comes from stdin or a file, never from an argument, which everybody on the machine could read.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from monoize.cli import ask, rules, show
from monoize.cli.api import Json
from monoize.cli.failure import Exit, Failure
from monoize.cli.invocation import Invocation

Command = TypeVar("Command", bound=Callable[..., None])

CHANNEL_COLUMNS: Final = ("channel", "type", "base_url", "key", "weight", "enabled", "models", "health", "id")
_KEY_MOST_BYTES: Final = 4096

type_option = click.option("--type", metavar="TYPE", help="What is spoken there, such as messages.")
base_url_option = click.option("--base-url", metavar="URL", help="With or without the /v1 at its end.")
models_option = click.option(
    "--model", "models", metavar="NAME[=UPSTREAM]", multiple=True, help="A model, and its name there; repeatable."
)
multiplier_option = click.option(
    "--multiplier", metavar="FACTOR", help="What the models that are named cost, such as 1.25."
)
price_provider_option = click.option("--price-provider", metavar="NAME", help="Whose prices in the book they have.")

_POSITIVE: Final = click.IntRange(min=1)
_PROBE: Final = (
    click.option(
        "--probe/--no-probe", "probe_enabled", default=None, help="Ask a channel that rests whether it works again."
    ),
    click.option("--probe-interval-s", type=_POSITIVE),
    click.option("--probe-successes", type=_POSITIVE, help="So many in a row make it healthy."),
    click.option("--probe-model", metavar="MODEL", help="The model that is asked; the first when not given."),
)
_AFFINITY: Final = (
    click.option(
        "--affinity/--no-affinity", "affinity_enabled", default=None, help="Let conversations stay where they were."
    ),
    click.option("--affinity-idle-s", type=_POSITIVE),
    click.option("--affinity-mode", type=click.Choice(["sticky", "prefer_higher_priority"])),
    click.option("--affinity-failback-s", type=click.IntRange(min=0)),
)


def key_options(command: Command) -> Command:
    file = click.option(
        "--key-file", type=click.Path(path_type=Path, dir_okay=False), help="Read the upstream's key from a file."
    )
    stdin = click.option("--key-stdin", is_flag=True, help="Read the upstream's key from stdin.")
    return stdin(file(command))


def key(*, key_stdin: bool, key_file: Path | None) -> str | None:
    """The key that was given, if one was."""
    if key_stdin and key_file:
        raise click.UsageError("--key-stdin and --key-file exclude each other")
    if key_stdin:
        return ask.first_line("key")
    return key_of(key_file) if key_file else None


def key_of(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            content = opened.read(_KEY_MOST_BYTES + 1)
        text = content.decode().strip()
    except OSError as problem:
        raise Failure(f"cannot read {file}: {problem.strerror}", exit=Exit.USAGE) from problem
    except UnicodeDecodeError:
        text = ""
    if not text or len(content) > _KEY_MOST_BYTES:
        raise click.UsageError("the file of the key must hold the key and nothing else")
    return text


def preset(invocation: Invocation, wanted: str) -> Json:
    for each in invocation.api.get("/api/providers/presets")["items"]:
        if each["id"] == wanted:
            return dict(each)
    raise Failure(f"there is no preset {wanted}", hint="`monoize providers presets` shows them.")


def health(channels: Sequence[Json]) -> str | None:
    """One word where all of them are well, and otherwise who is not."""
    unwell = [f"{each['name']} {each['health']}" for each in channels if each["health"] not in (None, "healthy")]
    if unwell:
        return ", ".join(unwell)
    return "healthy" if any(each["health"] for each in channels) else None


def offers(named: Sequence[str], multiplier: str | None) -> list[Json]:
    """Models as `NAME` or `NAME=UPSTREAM`."""
    if multiplier and not named:
        raise click.UsageError("--multiplier is for the models that are named with it")
    found = []
    for text in named:
        name, _, redirect = text.partition("=")
        found.append(given({"name": name, "redirect": redirect or None, "multiplier": multiplier}))
    return found


def probe_options(command: Command) -> Command:
    for option in reversed(_PROBE):
        command = option(command)
    return command


def affinity_options(command: Command) -> Command:
    for option in reversed(_AFFINITY):
        command = option(command)
    return command


def grouped(body: Json, *groups: str) -> Json:
    """Options that are called `GROUP_name` as members of an object `GROUP`."""
    for group in groups:
        names = [name for name in body if name.startswith(f"{group}_")]
        inner = {name.removeprefix(f"{group}_"): body.pop(name) for name in names}
        if inner:
            body[group] = inner
    return body


def kept(body: Json, found: Json, *groups: str, clear: Sequence[str]) -> Json:
    """What is not said of these objects stays, unless all of it was cleared."""
    inner = {group: {**found[group], **body[group]} for group in groups if group in body and group not in clear}
    return {**body, **inner}


def given(options: Mapping[str, Any]) -> Json:
    return {name: value for name, value in options.items() if value is not None}


def shown(invocation: Invocation, provider: Json) -> None:
    """A provider with all its fields, and its channels as a table."""
    if invocation.json:
        show.as_json(provider)
        return
    plain = {name: value for name, value in provider.items() if name not in ("channels", "timeouts", "probe")}
    plain["type_overrides"] = [f"{each['pattern']}={each['type']}" for each in provider["type_overrides"]]
    plain["transforms"] = rules.shown(provider["transforms"])
    plain["models"] = [_model(each) for each in provider["models"]]
    probe = {f"probe_{name}": value for name, value in provider["probe"].items()}
    show.thing({**plain, **provider["timeouts"], **probe}, as_text=True)
    if provider["channels"]:
        rows = [
            [show.value(name, _channel(each)[name]) for name in CHANNEL_COLUMNS] for each in provider["channels"]
        ]
        show.table([show.label(name) for name in CHANNEL_COLUMNS], rows)


def _channel(channel: Json) -> Json:
    """The type in brackets is the provider's."""
    hint = f"…{channel['api_key_hint']}" if channel["api_key_hint"] else "yes"
    return {
        **channel,
        "channel": channel["name"],
        "type": channel["type"] or f"({channel['effective_type']})",
        "key": hint if channel["has_api_key"] else None,
        "models": [_model(each) for each in channel["models"]],
    }


def _model(model: Json) -> str:
    name = f"{model['name']}={model['redirect']}" if model["redirect"] else model["name"]
    return name if model["multiplier"] == "1" else f"{name} ×{model['multiplier']}"


def warn_of_unpriced(provider: Json) -> None:
    unpriced = provider["unpriced_models"]
    if unpriced:
        more = f" and {len(unpriced) - 3} more" if len(unpriced) > 3 else ""
        show.said(f"No price is known of {', '.join(unpriced[:3])}{more}; set one with `monoize prices set`.")
