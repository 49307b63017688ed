"""The form of an API key: filled from one, and read into the request body of the API. Pure."""

import json
from collections.abc import Mapping
from typing import Any, Final

from monoize.base.money import nano_of_usd, usd_of_nano
from monoize.control.edge.transforms import stored
from monoize.control.identity.api.keys import KeyUpdate
from monoize.control.identity.model import ApiKey
from monoize.dashboard.forms import Form, checked, invalid

YES: Final = "yes"
LIMITS: Final[Mapping[str, tuple[str, str]]] = {
    "requests_per_minute": ("Requests", "a minute"),
    "tokens_per_minute": ("Tokens", "a minute"),
    "max_concurrent": ("Requests at once", ""),
}
BUDGETS: Final[Mapping[str, str]] = {
    "daily_budget_nano_usd": "A day",
    "monthly_budget_nano_usd": "A month",
}
_WHOLE: Final = "Use a whole number from 1 on."
EXPECTED: Final[Mapping[str, str]] = {
    **dict.fromkeys(LIMITS, _WHOLE),
    **dict.fromkeys(BUDGETS, "Use an amount such as 25 or 0.50."),
    "name": "Use a name that begins and ends with a letter or a digit, of 64 characters at most.",
    "expires_at": "Use a time that lies ahead, such as 2027-01-31T12:00Z.",
    "model_limits": "Use names of models, or patterns such as claude-*, one on each line.",
    "allowed_groups": "Groups have no blanks in them; put each on a line.",
    "max_multiplier": "Use digits such as 1.5.",
    "model_redirects": "Write on each line a regular expression, =, and the model that is meant.",
    "transforms": "One of them is not known, or is not told what it needs.",
    "cache_ttl_s": "Use a whole number of seconds, of a week at most.",
}
_LISTS: Final = ("ip_whitelist", "model_limits", "allowed_groups")


def of_key(key: ApiKey) -> Form:
    rules = [stored(rule) for rule in key.transforms]
    values: dict[str, Any] = {
        **{name: getattr(key, name) for name in (*LIMITS, "name", "max_multiplier", "cache_ttl_s")},
        **{name: _dollars(getattr(key, name)) for name in BUDGETS},
        **{name: "\n".join(getattr(key, name)) for name in _LISTS},
        "enabled": YES if key.enabled else None,
        "expires_at": key.expires_at and key.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "model_redirects": "\n".join(f"{rule.pattern} = {rule.replace}" for rule in key.model_redirects),
        "transforms": json.dumps(rules, indent=2) if rules else None,
    }
    return Form({name: str(value) for name, value in values.items() if value is not None})


def changes(form: Form, key: ApiKey) -> dict[str, Any]:
    """What is to become of `key`. Naming models limits it to them; naming none lets it ask for all."""
    body = checked(
        KeyUpdate,
        EXPECTED,
        name=form.text("name") or "",
        enabled=bool(form.shown("enabled")),
        ip_whitelist=form.lines("ip_whitelist"),
        model_limits=form.lines("model_limits"),
        model_limits_enabled=bool(form.lines("model_limits")),
        allowed_groups=form.lines("allowed_groups"),
        max_multiplier=form.text("max_multiplier"),
        model_redirects=[_redirect(line) for line in form.lines("model_redirects")],
        transforms=_rules(form),
        cache_ttl_s=_number(form, "cache_ttl_s"),
        **{name: _number(form, name) for name in LIMITS},
        **{name: _nano(form, name) for name in BUDGETS},
        **_expiry(form, key),
    )
    return body.model_dump(exclude_unset=True)


def _expiry(form: Form, key: ApiKey) -> dict[str, str | None]:
    """One that stays as it is may lie behind us."""
    entered = form.text("expires_at")
    return {} if entered == of_key(key).text("expires_at") else {"expires_at": entered}


def _dollars(nano_usd: int | None) -> str | None:
    return None if nano_usd is None else usd_of_nano(nano_usd)


def _nano(form: Form, name: str) -> str | None:
    text = form.text(name)
    try:
        return None if text is None else str(nano_of_usd(text))
    except ValueError:
        raise invalid(**{name: EXPECTED[name]}) from None


def _number(form: Form, name: str) -> int | None:
    text = form.text(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 10):
        raise invalid(**{name: EXPECTED[name]})
    return int(text)


def _redirect(line: str) -> dict[str, str]:
    pattern, _, model = line.rpartition(" = ")
    return {"pattern": pattern.strip(), "replace": model.strip()}


def _rules(form: Form) -> Any:
    text = form.text("transforms")
    try:
        return json.loads(text) if text else []
    except (ValueError, RecursionError):
        raise invalid(transforms="This is not JSON.") from None
