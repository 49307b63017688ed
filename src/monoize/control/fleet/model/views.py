"""What of the canonical document one host gets, and what it means when that host hands its own back. Pure.

A host may be let in at some targets only; then it never sees the tokens of the others, and cannot change them.
"""

from collections.abc import Collection, Mapping
from typing import Any, Final

from monoize.control.fleet.model.documents import Document
from monoize.control.fleet.model.tools import Tool

HOST_TOKEN_PREFIX: Final = "mzr_"
"""A refresh token that only we can answer; the real one then never leaves the hub."""


def restricted(document: Document, tool: Tool, targets: Collection[str] | None) -> Document | None:
    """The document with the tokens of these targets alone; None when nothing is left of it."""
    if targets is None:
        return document
    if not tool.has_entries:
        return document if tool.login_target in targets else None
    entries = {target: entry for target, entry in document["auths"].items() if target in targets}
    if not entries:
        return None
    hidden = set() if tool.login_target in targets else _login_fields(tool)
    return {**{name: value for name, value in document.items() if name not in hidden}, "auths": entries}


def merged(canonical: Document, offered: Document, tool: Tool, targets: Collection[str] | None) -> Document:
    """What the canonical document becomes when a host that sees only these targets hands in its own."""
    if targets is None or not tool.has_entries:
        return offered
    unseen = {target: entry for target, entry in canonical["auths"].items() if target not in targets}
    hidden = set() if tool.login_target in targets else _login_fields(tool)
    kept = {name: canonical[name] for name in hidden if name in canonical}
    own = {name: value for name, value in offered.items() if name not in hidden}
    return {**own, **kept, "auths": {**unseen, **offered["auths"]}}


def foreign_targets(offered: Document, tool: Tool, targets: Collection[str] | None) -> list[str]:
    """Targets in what a host offers that are none of its own."""
    if targets is None:
        return []
    named: Collection[str] = offered["auths"] if tool.has_entries else [tool.login_target]
    return sorted(set(named) - set(targets))


def refresh_token(document: Document) -> str | None:
    tokens = document.get("tokens")
    token = tokens.get("refresh_token") if isinstance(tokens, Mapping) else None
    return token if isinstance(token, str) and token else None


def with_refresh_token(document: Document, token: str) -> Document:
    tokens = document.get("tokens")
    if not isinstance(tokens, Mapping):
        return document
    return {**document, "tokens": {**tokens, "refresh_token": token}}


def holds_host_token(document: Document) -> bool:
    return (refresh_token(document) or "").startswith(HOST_TOKEN_PREFIX)


def renewed(document: Document, granted: Mapping[str, Any], moment: str) -> Document:
    """The document after a refresh; entries that held the old access token hold the new one."""
    tokens: Mapping[str, Any] = document["tokens"]
    old, new = tokens.get("access_token"), granted.get("access_token")
    entries = {
        target: {**entry, "token": new} if new and entry["token"] == old else entry
        for target, entry in document["auths"].items()
    }
    return {**document, "tokens": {**tokens, **granted}, "last_refresh": moment, "auths": entries}


def _login_fields(tool: Tool) -> set[str]:
    return {path[0] for path in tool.token_paths}
