"""The tools that a request offers to its model, without those that the agent may not call.

A tool that a provider runs by itself is a tool like any other, by its plain name; a server of MCP is `mcp:NAME`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from monoize.contract.gates.decision import Decision, Verdict
from monoize.contract.policies.effective import EffectivePolicy
from monoize.contract.refusals import ToolDenied
from monoize.gateway.govern.denied import Denied
from monoize.gateway.govern.tools import POLICY, RulesOfBoth, ToolRules
from monoize.gateway.protocol.urp import NativeTool, Request, Tool, ToolChoice

_NAMES_SHOWN: Final = 32
_VERSION: Final = re.compile(r"_(?:[0-9]{8}|preview(?:_[0-9_]+)?|[0-9]{4}_[0-9]{2}_[0-9]{2})$")
# What providers call them, and what we do.
_PLAIN: Final[Mapping[str, str]] = {
    "googlesearch": "web_search",
    "googlesearchretrieval": "web_search",
    "codeexecution": "code_execution",
    "code_interpreter": "code_execution",
    "urlcontext": "web_fetch",
    "filesearch": "file_search",
}
_SEARCH_OPTIONS: Final = "web_search_options"
_SERVERS: Final = "mcp_servers"


class _Offer(NamedTuple):
    """A tool by all names that it goes by: each has to be allowed."""

    names: Sequence[str]
    runs_there: bool

    def is_shown(self, rules: ToolRules) -> bool:
        return all(rules.shows(name, runs_there=self.runs_there) for name in self.names)


def with_allowed_tools(request: Request, policy: EffectivePolicy) -> tuple[Request, list[Decision]]:
    """Raises `Denied` where the request insists on one that is not allowed."""
    offers = [offer_of(tool) for tool in request.tools]
    beside = list(_beside(request.extra))
    if not offers and not beside:
        return request, []
    rules = RulesOfBoth.of(policy)
    decisions = []
    if rules.in_shadow:
        would_hide = _hidden((*offers, *(offer for _, offer in beside)), rules.in_shadow)
        decisions += [_decision(name, would_deny=True) for name in would_hide]
    hidden = _hidden((*offers, *(offer for _, offer in beside)), rules.in_force)
    if not hidden:
        return request, decisions
    tools = [tool for tool, offer in zip(request.tools, offers, strict=True) if offer.is_shown(rules.in_force)]
    shown = [offer_of(tool).names[-1] for tool in tools]
    try:
        choice = _choice(request.tool_choice, set(hidden), shown)
    except ToolDenied as refusal:
        raise Denied(refusal, [*decisions, *map(_denial, refusal.details["tools"])]) from refusal
    told = msgspec.structs.replace(
        request,
        tools=tuple(tools),
        tool_choice=choice if tools else None,
        parallel_tool_calls=request.parallel_tool_calls if tools else None,
        extra=_without(request.extra, [place for place, offer in beside if not offer.is_shown(rules.in_force)]),
    )
    return told, [*decisions, *map(_decision, hidden)]


def offer_of(tool: Tool | NativeTool) -> _Offer:
    if isinstance(tool, Tool):
        return _Offer((tool.name,), runs_there=False)
    kind = _plain(tool.tool_type)
    if kind in ("mcp", "mcp_toolset"):
        server = tool.body.get("server_label") or tool.body.get("mcp_server_name") or ""
        return _Offer((f"mcp:{server}",), runs_there=True)
    named = tool.body.get("name")
    return _Offer((kind, named) if isinstance(named, str) and named != kind else (kind,), runs_there=True)


def _plain(kind: str) -> str:
    kind = _VERSION.sub("", kind)
    return _PLAIN.get(kind.lower(), kind)


def _beside(extra: Mapping[str, Any]) -> Iterator[tuple[tuple[str, int | None], _Offer]]:
    """Tools that are asked for elsewhere: (the member, and which of its entries)."""
    if extra.get(_SEARCH_OPTIONS) is not None:
        yield (_SEARCH_OPTIONS, None), _Offer(("web_search",), runs_there=True)
    servers = extra.get(_SERVERS)
    for place, server in enumerate(servers if isinstance(servers, list) else ()):
        name = server.get("name") if isinstance(server, dict) else None
        yield (_SERVERS, place), _Offer((f"mcp:{name or ''}",), runs_there=True)


def _without(extra: Mapping[str, Any], places: Sequence[tuple[str, int | None]]) -> Mapping[str, Any]:
    if not places:
        return extra
    gone = {name for name, place in places if place is None}
    left = {name: value for name, value in extra.items() if name not in gone}
    if _SERVERS in left:
        denied = {place for name, place in places if name == _SERVERS}
        left[_SERVERS] = [server for place, server in enumerate(left[_SERVERS]) if place not in denied]
    return {name: value for name, value in left.items() if name != _SERVERS or value}


def _hidden(offers: Iterable[_Offer], rules: ToolRules) -> list[str]:
    return [offer.names[-1] for offer in offers if not offer.is_shown(rules)]


def _choice(choice: ToolChoice | None, hidden: set[str], shown: Sequence[str]) -> ToolChoice | None:
    if choice is None:
        return None
    if choice.native is not None and not hidden.isdisjoint(_words(choice.native)):
        raise _denied(sorted(hidden.intersection(_words(choice.native))), shown)
    names = [name for name in choice.names if name not in hidden]
    if choice.mode == "required" and (not shown or (choice.names and not names)):
        raise _denied(list(choice.names) or sorted(hidden), shown)
    return choice if len(names) == len(choice.names) else msgspec.structs.replace(choice, names=tuple(names))


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield _plain(value)
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _words(each)
    elif isinstance(value, list):
        for each in value:
            yield from _words(each)


def _denied(names: Sequence[str], shown: Sequence[str]) -> ToolDenied:
    return ToolDenied(tools=names[:_NAMES_SHOWN], allowed=list(shown[:_NAMES_SHOWN]))


def _decision(name: str, *, would_deny: bool = False) -> Decision:
    verdict: Verdict = "would_deny" if would_deny else "allow"
    return Decision(gate="tools", rule_id=f"{POLICY}/{name[:64]}", verdict=verdict, code="tool_hidden")


def _denial(name: str) -> Decision:
    return Decision(gate="tools", rule_id=f"{POLICY}/{name[:64]}", verdict="deny", code="tool_denied")
