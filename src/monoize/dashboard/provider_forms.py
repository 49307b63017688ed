"""Forms of providers and channels: filled from what there is, and read into the request bodies of the API. Pure."""

import json
from collections.abc import Mapping
from typing import Any, Final

from monoize.control.catalog.api.provider_wire import ChannelCreate, ChannelUpdate, ProviderCreate, ProviderUpdate
from monoize.control.catalog.model.presets import Preset
from monoize.control.catalog.model.providers import ChannelRecord, ProviderRecord
from monoize.control.edge.transforms import stored
from monoize.dashboard import model_lines
from monoize.dashboard.forms import Form, checked, invalid

PROTOCOLS: Final[Mapping[str, str]] = {
    "responses": "OpenAI Responses",
    "chat_completion": "OpenAI Chat Completions",
    "messages": "Anthropic Messages",
    "gemini": "Google Gemini",
    "openai_image": "OpenAI Images",
    "replicate": "Replicate",
    "echo": "Echo, built in",
}
YES: Final = "yes"
_NUMBER: Final = "Use a whole number."
EXPECTED: Final[Mapping[str, str]] = {
    "name": "Use a name that begins and ends with a letter or a digit, of 64 characters at most.",
    "type": "Choose one of these.",
    "base_url": "Use an address such as https://api.example.com.",
    "api_key": "A key has no blanks in it.",
    "channels": "This cannot be its address or its API key.",
    "models": "A name or a multiplier among them cannot be used. Multipliers are above 0, with at most 9 decimals.",
    "groups": "Groups have no blanks in them; put each on a line.",
    "price_provider": "Use small letters, digits and underscores, such as openai.",
    "weight": "Use a whole number from 0 to 1000000.",
    "max_retries": _NUMBER,
    "channel_max_retries": _NUMBER,
    "channel_retry_interval_ms": _NUMBER,
    "timeouts": "Use whole numbers of milliseconds, of a day at most.",
    "probe": "Use whole numbers from 1 on.",
    "breaker": "Use whole numbers from 1 on.",
    "affinity": "Use whole numbers of seconds, of a day at most.",
    "type_overrides": "Write a pattern, =, and one of the protocols.",
    "transforms": "One of them is not known, or is not told what it needs.",
}
_TIMEOUTS: Final = ("connect_ms", "first_byte_ms", "idle_ms", "total_ms")
_BREAKER: Final = ("failures", "window_s", "cooldown_s", "rate_limit_cooldown_s")
_PROBE: Final = ("interval_s", "successes")
_AFFINITY: Final = ("idle_s", "failback_s")
_FIRST_CHANNEL: Final = "default"


def of_preset(preset: Preset | None) -> Form:
    if preset is None:
        return Form({"type": "chat_completion"})
    return Form(
        {
            "name": preset.id,
            "type": preset.type,
            "base_url": preset.base_url,
            "price_provider": preset.price_provider,
        }
    )


def new_provider(form: Form) -> ProviderCreate:
    """With its first channel, so that it can serve at once."""
    channel = {"name": _FIRST_CHANNEL, "base_url": form.text("base_url"), "api_key": form.text("api_key")}
    if channel["base_url"] is None:
        raise invalid(base_url="Fill this in.")
    checked(ChannelCreate, EXPECTED, **channel)
    return checked(
        ProviderCreate,
        EXPECTED,
        name=form.text("name"),
        type=form.text("type"),
        price_provider=form.text("price_provider"),
        models=model_lines.read(form.lines("models")),
        channels=[channel],
    )


def of_provider(record: ProviderRecord) -> Form:
    rules = [stored(rule) for rule in record.transforms]
    values: dict[str, Any] = {
        **{name: getattr(record, name) for name in _PROVIDER_PLAIN},
        **{name: YES if getattr(record, name) else None for name in _PROVIDER_BOXES},
        **_of_parts(record.timeouts, "timeouts", _TIMEOUTS),
        **_of_probe(record),
        "groups": "\n".join(record.groups),
        "type_overrides": "\n".join(f"{each.pattern} = {each.type}" for each in record.type_overrides),
        "models": model_lines.written(record.models),
        "transforms": json.dumps(rules, indent=2) if rules else None,
    }
    return _filled(values)


_PROVIDER_PLAIN: Final = (
    "name",
    "type",
    "price_provider",
    "max_retries",
    "channel_max_retries",
    "channel_retry_interval_ms",
)
_PROVIDER_BOXES: Final = ("enabled", "circuit_breaker_enabled", "per_model_circuit_break")


def changed_provider(form: Form) -> ProviderUpdate:
    return checked(
        ProviderUpdate,
        EXPECTED,
        name=form.text("name") or "",
        type=form.text("type") or "",
        price_provider=form.text("price_provider"),
        max_retries=_number(form, "max_retries"),
        channel_max_retries=_number(form, "channel_max_retries") or 0,
        channel_retry_interval_ms=_number(form, "channel_retry_interval_ms") or 0,
        **{name: bool(form.shown(name)) for name in _PROVIDER_BOXES},
        groups=form.lines("groups"),
        type_overrides=[_override(line) for line in form.lines("type_overrides")],
        timeouts=_part(form, "timeouts", _TIMEOUTS),
        probe=_probe(form),
        transforms=_rules(form),
        models=model_lines.read(form.lines("models")),
    )


def of_channel(channel: ChannelRecord) -> Form:
    values: dict[str, Any] = {
        **{name: getattr(channel, name) for name in ("name", "base_url", "type", "price_provider", "weight")},
        **_of_parts(channel.breaker, "breaker", _BREAKER),
        **_of_parts(channel.affinity, "affinity", _AFFINITY),
        **_of_probe(channel),
        "affinity.enabled": _said(channel.affinity.enabled),
        "affinity.mode": channel.affinity.mode,
        "enabled": YES if channel.enabled else None,
        "models": model_lines.written(channel.models),
    }
    return _filled(values)


def new_channel(form: Form) -> ChannelCreate:
    return checked(ChannelCreate, EXPECTED, **_channel(form), api_key=form.text("api_key"))


def changed_channel(form: Form) -> ChannelUpdate:
    """An API key that is left empty is the one that is stored, unless none is needed any more."""
    given = {"api_key": form.text("api_key")} if form.text("api_key") or form.shown("no_api_key") else {}
    return checked(ChannelUpdate, EXPECTED, **_channel(form), **given)


def _channel(form: Form) -> dict[str, Any]:
    mode = form.text("affinity.mode")
    return {
        "name": form.text("name") or "",
        "base_url": form.text("base_url") or "",
        "type": form.text("type"),
        "price_provider": form.text("price_provider"),
        "weight": 1 if form.text("weight") is None else _number(form, "weight"),
        "enabled": bool(form.shown("enabled")),
        "breaker": _part(form, "breaker", _BREAKER),
        "probe": _probe(form),
        "affinity": {
            **_part(form, "affinity", _AFFINITY),
            "enabled": _choice(form, "affinity.enabled"),
            **({"mode": mode} if mode else {}),
        },
        "models": model_lines.read(form.lines("models")),
    }


def _filled(values: Mapping[str, Any]) -> Form:
    return Form({name: str(value) for name, value in values.items() if value is not None})


def _of_parts(part: object, prefix: str, names: tuple[str, ...]) -> dict[str, Any]:
    return {f"{prefix}.{name}": getattr(part, name) for name in names}


def _of_probe(record: ProviderRecord | ChannelRecord) -> dict[str, Any]:
    return {
        **_of_parts(record.probe, "probe", _PROBE),
        "probe.enabled": _said(record.probe.enabled),
        "probe.model": record.probe.model,
    }


def _said(choice: bool | None) -> str:
    return {None: "", True: YES, False: "no"}[choice]


def _choice(form: Form, name: str) -> bool | None:
    return {YES: True, "no": False}.get(form.shown(name))


def _part(form: Form, prefix: str, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: _number(form, f"{prefix}.{name}") for name in names}


def _probe(form: Form) -> dict[str, Any]:
    return {
        **_part(form, "probe", _PROBE),
        "enabled": _choice(form, "probe.enabled"),
        "model": form.text("probe.model"),
    }


def _number(form: Form, name: str) -> int | None:
    text = form.text(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 10):
        raise invalid(**{name: _NUMBER})
    return int(text)


def _override(line: str) -> dict[str, str]:
    pattern, _, type = line.partition("=")
    return {"pattern": pattern.strip(), "type": type.strip()}


def _rules(form: Form) -> Any:
    text = form.text("transforms")
    try:
        return json.loads(text) if text else []
    except (ValueError, RecursionError):
        raise invalid(transforms="This is not JSON.") from None
