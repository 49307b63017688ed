"""How pages speak of services, deployments, builds, routes and what belongs to them. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from monoize.control.projects.model.builds import Build, BuildStatus
from monoize.control.projects.model.certificates import CertificateStatus
from monoize.control.projects.model.deployments import Deployment, Status
from monoize.control.projects.model.domains import DomainStatus, NextAction
from monoize.control.projects.model.routes import RouteState
from monoize.control.projects.model.services import Service


class Said(NamedTuple):
    """A word and the tone of its dot."""

    text: str
    tone: str


_OBSERVED: Final = {
    "unknown": Said("not seen yet", ""),
    "running": Said("running", "good"),
    "partly": Said("partly running", "warn"),
    "starting": Said("starting", "busy"),
    "stopped": Said("stopped", "off"),
    "missing": Said("missing", "bad"),
}
_DEPLOYMENTS: Final[Mapping[Status, Said]] = {
    "pending": Said("waiting", "busy"),
    "pulling": Said("pulling the image", "busy"),
    "starting": Said("starting", "busy"),
    "probing": Said("being probed", "busy"),
    "switching": Said("switching over", "busy"),
    "draining": Said("proving itself", "busy"),
    "retiring": Said("retiring the old release", "busy"),
    "live": Said("live", "good"),
    "failed": Said("failed", "bad"),
    "rolled_back": Said("rolled back", "warn"),
}
_WAY: Final[Sequence[tuple[Status, str]]] = (
    ("pulling", "Pull"),
    ("starting", "Start"),
    ("probing", "Probe"),
    ("switching", "Switch"),
    ("draining", "Prove"),
    ("retiring", "Retire the old"),
    ("live", "Live"),
)
BUILDS: Final[Mapping[BuildStatus, Said]] = {
    "queued": Said("waiting", "busy"),
    "running": Said("being built", "busy"),
    "success": Said("built", "good"),
    "failed": Said("failed", "bad"),
    "cancelled": Said("cancelled", "off"),
}
ROUTES: Final[Mapping[RouteState, Said]] = {
    "served": Said("served", "good"),
    "waiting_for_certificate": Said("waits for its certificate", "warn"),
    "waiting_for_domain": Said("waits for its domain", "warn"),
    "no_member": Said("nothing answers", "bad"),
    "omitted": Said("left out", "bad"),
    "invalid": Said("not valid", "bad"),
    "not_served": Said("nginx is not set up", "off"),
}
DOMAINS: Final[Mapping[DomainStatus, Said]] = {
    "pending": Said("not in DNS yet", "warn"),
    "verifying": Said("to be verified", "busy"),
    "verified": Said("verified", "info"),
    "active": Said("active", "good"),
    "error": Said("not proven", "bad"),
}
NEXT_ACTIONS: Final[Mapping[NextAction, str]] = {
    "configure_dns": "Write the records into DNS, then verify.",
    "verify_dns": "Verify what DNS says.",
    "activate": "Activate it, so that its routes lead to their targets.",
    "manage": "Nothing: it is in use.",
    "retry": "Correct the records, then verify again.",
}
CERTIFICATES: Final[Mapping[CertificateStatus, Said]] = {
    "pending": Said("being issued", "busy"),
    "active": Said("active", "good"),
    "expired": Said("expired", "bad"),
    "failed": Said("failed", "bad"),
}


def service_said(service: Service) -> Said:
    """Trouble first, then what is wanted, then what is seen."""
    if service.deleting_at is not None:
        return Said("being deleted", "busy")
    if service.crash_looping:
        return Said("crash loop, stopped", "bad")
    if service.desired_state == "stopped":
        return Said("stopped", "off") if service.observed_state in ("stopped", "missing", "unknown") else _STOPPING
    if service.observed_state == "running" and service.health_status == "fail":
        return Said("running, not well", "warn")
    if service.release_id is None and service.observed_state in ("unknown", "missing"):
        return Said("not deployed yet", "off")
    return _OBSERVED[service.observed_state]


_STOPPING: Final = Said("stopping", "busy")


def deployment_said(deployment: Deployment) -> Said:
    return _DEPLOYMENTS[deployment.status]


def deployment_steps(deployment: Deployment) -> Sequence[tuple[str, str]]:
    """For `ui.steps`; one that ended otherwise shows no more than that."""
    if deployment.status in ("failed", "rolled_back"):
        return [(_DEPLOYMENTS[deployment.status].text.capitalize(), "failed")]
    reached = [status for status, _ in _WAY]
    at = reached.index(deployment.status) if deployment.status in reached else -1
    if deployment.status == "live":
        at += 1
    states = ("done" if number < at else "now" if number == at else "later" for number in range(len(_WAY)))
    return [(title, state) for (_, title), state in zip(_WAY, states, strict=True)]


def build_said(build: Build) -> Said:
    return BUILDS[build.status]
