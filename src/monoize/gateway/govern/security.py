"""What `security_policy_json` says to a request: hosts that it names, signs of injection in what tools fetched."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from monoize.contract.gates.decision import Decision, Verdict, denial
from monoize.contract.gates.trials import tried
from monoize.contract.policies.effective import EffectivePolicy
from monoize.contract.policies.globs import matches
from monoize.contract.policies.security import SecurityPolicy
from monoize.contract.refusals import SecurityDenied
from monoize.gateway.govern.denied import Denied
from monoize.gateway.govern.injection import Sign, signs_in
from monoize.gateway.govern.json_text import OPAQUE
from monoize.gateway.protocol.urp import (
    Audio,
    File,
    Image,
    Node,
    PlainText,
    ProviderItem,
    Request,
    Text,
    ToolResult,
    Url,
)

POLICY: Final = "security_policy_json"
HOSTS: Final = f"{POLICY}/hosts_allow"
DENIED_HOSTS: Final = f"{POLICY}/hosts_deny"
INJECTION: Final = f"{POLICY}/injection"


def looks_at_requests(document: SecurityPolicy) -> bool:
    return document.injection != "off" or document.hosts_allow is not None or bool(document.hosts_deny)


def decisions_on(request: Request, policy: EffectivePolicy) -> Sequence[Decision]:
    """Raises `Denied` where the policy in force denies."""
    decisions = list(tried(policy, POLICY, lambda document: [*_judged(request, document)]))
    if denied := denial(decisions):
        rule = denied.rule_id.removeprefix(f"{POLICY}/")
        raise Denied(SecurityDenied(rule=rule, allowed=list(denied.allowed)), decisions)
    return decisions


def _judged(request: Request, document: SecurityPolicy) -> Iterator[Decision]:
    allowed = document.hosts_allow
    if allowed is not None and not all(matches(allowed, host) for host in _hosts(request.input)):
        yield _said(HOSTS, "deny", "security_denied", allowed=tuple(allowed))
    denied = document.hosts_deny
    if denied and any(not host or matches(denied, host) for host in _hosts(request.input)):
        yield _said(DENIED_HOSTS, "deny", "security_denied")
    if document.injection != "off" and (found := Counter(_signs(request.input))):
        is_denied = document.injection == "block"
        code = "security_denied" if is_denied else "injection_flagged"
        yield _said(INJECTION, "deny" if is_denied else "allow", code, numbers=dict(found))


def _said(rule_id: str, verdict: Verdict, code: str, **more: Any) -> Decision:
    return Decision(gate="content", rule_id=rule_id, verdict=verdict, code=code, **more)


def _hosts(nodes: Sequence[Node]) -> Iterator[str]:
    """Of what providers are to fetch. What no host can be read from has none that is allowed."""
    for node in nodes:
        if isinstance(node, Image | Audio | File) and isinstance(node.source, Url):
            if not node.source.url.startswith("data:"):
                yield _host(node.source.url)
        elif isinstance(node, ToolResult):
            yield from _hosts([part for part in node.content if isinstance(part, Image | File)])


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return ""


def _signs(nodes: Sequence[Node]) -> Iterator[Sign]:
    for text in _fetched(nodes):
        yield from signs_in(text)


def _fetched(nodes: Sequence[Node]) -> Iterator[str]:
    """What was not written by whoever speaks: results of tools, and files that are sent along as text."""
    for node in nodes:
        match node:
            case ToolResult():
                for part in node.content:
                    if isinstance(part, Text):
                        yield part.text
                    else:
                        yield from _fetched([part])
            case File(source=PlainText(text=text)):
                yield text
            case ProviderItem(item_type=kind, body=body) if kind.endswith(("_result", "_output", "_call")):
                yield from _texts(body)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, each in value.items():
            if name not in OPAQUE:
                yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
