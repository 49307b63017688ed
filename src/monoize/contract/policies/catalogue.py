"""All policies by the columns that hold them: what they have to be like, and what is in force when they meet."""

import functools
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, get_args

import msgspec

from monoize.contract.policies.approvals import Approvals
from monoize.contract.policies.budgets import Budgets
from monoize.contract.policies.checking import Problem, problems
from monoize.contract.policies.cost import CostPolicy
from monoize.contract.policies.findings import FindingsPolicy
from monoize.contract.policies.integrations import Integration, Integrations
from monoize.contract.policies.legacy import MODERN, still_said
from monoize.contract.policies.mcp_services import McpService, McpServices
from monoize.contract.policies.model_policy import ModelPolicy
from monoize.contract.policies.notification import NotificationPolicy
from monoize.contract.policies.pii import PiiPolicy
from monoize.contract.policies.rate_limits import RateLimits
from monoize.contract.policies.security import SecurityPolicy
from monoize.contract.policies.telemetry import TelemetryPolicy
from monoize.contract.policies.tightening import Document, Policy, bare
from monoize.contract.policies.tightening import tighten as _tighten
from monoize.contract.policies.tool_permissions import ToolPermissions, Tools

PolicyName = Literal[
    "approvals_policy_json",
    "integrations_json",
    "mcp_services_json",
    "tool_permissions_json",
    "rate_limits_json",
    "budgets_json",
    "model_policy_json",
    "cost_policy_json",
    "pii_policy_json",
    "security_policy_json",
    "findings_policy_json",
    "notification_policy_json",
    "telemetry_policy_json",
]
NAMES: Final[tuple[PolicyName, ...]] = get_args(PolicyName)

CATALOGUE: Final[Mapping[PolicyName, Any]] = {
    "approvals_policy_json": Approvals,
    "integrations_json": Integrations,
    "mcp_services_json": McpServices,
    "tool_permissions_json": Tools,
    "rate_limits_json": RateLimits,
    "budgets_json": Budgets,
    "model_policy_json": ModelPolicy,
    "cost_policy_json": CostPolicy,
    "pii_policy_json": PiiPolicy,
    "security_policy_json": SecurityPolicy,
    "findings_policy_json": FindingsPolicy,
    "notification_policy_json": NotificationPolicy,
    "telemetry_policy_json": TelemetryPolicy,
}

_ITEMS: Final[Mapping[PolicyName, type[Policy]]] = {
    "integrations_json": Integration,
    "mcp_services_json": McpService,
}
_SECRET_NAME: Final = re.compile(r"(?i)(password|secret|token|credential|api_?key)")


class Policies(msgspec.Struct, frozen=True, kw_only=True):
    """What is in force of each, every value that nobody said at its default."""

    approvals_policy_json: Approvals = Approvals()
    integrations_json: dict[str, Integration] = {}
    mcp_services_json: tuple[McpService, ...] = ()
    tool_permissions_json: ToolPermissions = ToolPermissions()
    rate_limits_json: RateLimits = RateLimits()
    budgets_json: Budgets = Budgets()
    model_policy_json: ModelPolicy = ModelPolicy()
    cost_policy_json: CostPolicy = CostPolicy()
    pii_policy_json: PiiPolicy = PiiPolicy()
    security_policy_json: SecurityPolicy = SecurityPolicy()
    findings_policy_json: FindingsPolicy = FindingsPolicy()
    notification_policy_json: NotificationPolicy = NotificationPolicy()
    telemetry_policy_json: TelemetryPolicy = TelemetryPolicy()


def empty(name: PolicyName) -> Document:
    """The document that says nothing."""
    return [] if name == "mcp_services_json" else {}


def modern(name: PolicyName, document: Document) -> Document:
    """In the words of today; nobody has checked it yet."""
    return MODERN.get(name, lambda same: same)(document)


def check(name: PolicyName, document: Document) -> list[Problem]:
    """All that is wrong with a document; without anything wrong, `read` takes it."""
    found = list(problems(CATALOGUE[name], document))
    return found or list(_RULES.get(name, lambda _: ())(document))


def read(name: PolicyName, document: Document) -> Any:
    """As a value, with defaults where it says nothing. It has been checked."""
    return msgspec.convert(still_said(name, document), CATALOGUE[name])


def tighten(name: PolicyName, *documents: Document) -> Document:
    """What all of them together say, the outermost first; never looser than any of them."""
    said = (document or None for document in documents)
    merged = functools.reduce(functools.partial(_tighten, CATALOGUE[name]), said, None)
    return empty(name) if merged is None else merged


def schema_of(name: PolicyName) -> dict[str, Any]:
    """JSON Schema of a document."""
    schema = msgspec.json.schema(CATALOGUE[name], ref_template="#/$defs/{name}")
    defined: dict[str, Any] = schema.pop("$defs", {})
    own = defined.pop(schema.pop("$ref").rpartition("/")[2]) if "$ref" in schema else schema
    shown = {field: value for field, value in own.items() if field not in ("title", "description")}
    return shown | ({"$defs": defined} if defined else {})


def description_of(name: PolicyName) -> str:
    """Of lists, what their items are."""
    kind = _ITEMS.get(name) or bare(CATALOGUE[name])
    return " ".join((kind.__doc__ or "").split())


def _names_of_integrations(document: Document) -> Iterable[Problem]:
    for name in document:
        if _SECRET_NAME.search(name):
            yield f"/{name}", "is named like a secret: name the system, and its connection by connection_id"


def _services_once(document: Document) -> Iterable[Problem]:
    names = [service["service_id"] for service in document]
    for place, name in enumerate(names):
        if name in names[:place]:
            yield f"/{place}/service_id", "is there already"


def _windows_once(document: Document) -> Iterable[Problem]:
    names = [window["id"] for window in document.get("windows", ())]
    for place, name in enumerate(names):
        if name in names[:place]:
            yield f"/windows/{place}/id", "is there already"


def _only_as_it_is(document: Document, wanted: Mapping[str, tuple[Any, str]]) -> Iterable[Problem]:
    """What can be said, and not otherwise: nothing would come of it."""
    for name, (value, why) in wanted.items():
        if document.get(name, value) != value:
            yield f"/{name}", why


def _people_decide(document: Document) -> Iterable[Problem]:
    yield from _only_as_it_is(
        document,
        {
            "allow_self": (False, "nobody approves what they asked for"),
            "bind_arguments": (True, "what is approved is always the very arguments that people saw"),
        },
    )


def _people_see(document: Document) -> Iterable[Problem]:
    if not document.get("channels", {}).get("in_app", True):
        yield "/channels/in_app", "the dashboard always shows what agents call people for"
    if "finding" in document.get("events", {}):
        yield "/events/finding", "findings are filed with whoever runs the agent, who has to tell of them"


def _content_is_captured(document: Document) -> Iterable[Problem]:
    if document.get("level") == "content":
        yield "/level", "content is in no telemetry: a key can ask for captures, which are redacted"
    yield from _only_as_it_is(
        document,
        {
            "preview_chars": (0, "no content is in telemetry"),
            "redact": (True, "what is written down is always redacted; see store_raw of pii_policy_json"),
            "exporters": ([], "the one exporter is that of the installation"),
            "content_roles": ([], "no content is in telemetry"),
        },
    )


def _service_has_its_way(document: Document) -> Iterable[Problem]:
    for place, service in enumerate(document):
        if service.get("transport", "streamable_http") != "streamable_http":
            yield f"/{place}/transport", "services are reached by streamable_http only"
        for name in ("auth", "credential_ref"):
            if service.get(name, "none") != "none":
                yield f"/{place}/{name}", "the credential is that of the service, which an agent cannot choose"


def _listed_services(document: Document) -> Iterable[Problem]:
    yield from _services_once(document)
    yield from _service_has_its_way(document)


_RULES: Final = {
    "approvals_policy_json": _people_decide,
    "integrations_json": _names_of_integrations,
    "mcp_services_json": _listed_services,
    "budgets_json": _windows_once,
    "notification_policy_json": _people_see,
    "telemetry_policy_json": _content_is_captured,
}
