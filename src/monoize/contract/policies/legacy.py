"""Older ways to write policies, in the words of today. What is none of these stays as it is.

What is no longer taken may stand in versions from before, which nobody changes: it says nothing.
"""

from collections.abc import Callable, Mapping
from typing import Final

from monoize.contract.policies.tightening import Document

_EFFECTS: Final[Mapping[bool | str, str]] = {True: "allow", "allow": "allow", False: "deny", "deny": "deny"}
_TODAY: Final = frozenset({"default", "rules", "outer"})
_LEGACY_WINDOWS: Final = {"daily_usd": "day", "monthly_usd": "month"}


def _tool_map(document: Document) -> Document:
    """Tool to a yes, a no, or a list of operations; "*" is all other tools."""
    if (
        not isinstance(document, dict)
        or _TODAY & document.keys()
        or not all(map(_is_permission, document.values()))
    ):
        return document
    default = {"default": _EFFECTS[said]} if isinstance(said := document.get("*"), bool | str) else {}
    rules = [_tool_rule(tool, said) for tool, said in document.items() if tool != "*" or isinstance(said, list)]
    return {**default, "rules": rules} if document else document


def _is_permission(said: Document) -> bool:
    return isinstance(said, bool) or said in ("allow", "deny") or _is_operations(said)


def _is_operations(said: Document) -> bool:
    return isinstance(said, list) and all(isinstance(each, str) for each in said)


def _tool_rule(tool: str, said: Document) -> Document:
    if isinstance(said, list):
        return {"tool": tool, "effect": "allow", "operations": said}
    return {"tool": tool, "effect": _EFFECTS[said]}


def _flat_budgets(document: Document) -> Document:
    """Numbers of USD for a day and a month."""
    if not isinstance(document, dict):
        return document
    windows = [
        {"id": period, "period": period, "limit_usd": str(document[name])}
        for name, period in _LEGACY_WINDOWS.items()
        if name in document and isinstance(document[name], int | float | str)
    ]
    if not windows:
        return document
    others = {name: value for name, value in document.items() if name not in _LEGACY_WINDOWS}
    written = others.get("windows", [])
    return {**others, "windows": [*written, *windows]} if isinstance(written, list) else document


def _no_models_named(document: Document) -> Document:
    """An empty list of allowed models meant all of them; here it would mean none."""
    if isinstance(document, dict) and document.get("allowed_models") == []:
        return {name: value for name, value in document.items() if name != "allowed_models"}
    return document


MODERN: Final[Mapping[str, Callable[[Document], Document]]] = {
    "tool_permissions_json": _tool_map,
    "budgets_json": _flat_budgets,
    "model_policy_json": _no_models_named,
}


_RETIRED: Final[Mapping[str, frozenset[str]]] = {
    "model_policy_json": frozenset({"max_tier", "batch", "allow_user_override"}),
    "cost_policy_json": frozenset({"on_unpriced", "price_book", "max_code_seconds"}),
}


def still_said(name: str, document: Document) -> Document:
    """Of a document that was taken once, what is taken today."""
    if name == "budgets_json" and "windows" in document:
        return {**document, "windows": [_refusing(each) for each in document["windows"] if not _is_of_tag(each)]}
    gone = _RETIRED.get(name)
    if gone is None or gone.isdisjoint(document):
        return document
    return {field: value for field, value in document.items() if field not in gone}


def _is_of_tag(window: Document) -> bool:
    """Nothing ever bore one."""
    return window.get("scope", {}).get("tag") is not None


def _refusing(window: Document) -> Document:
    """What these asked for there never was, so that they refused."""
    return {**window, "action": "block"} if window.get("action") in ("approve", "require_byok") else window
