"""Routes as values: a domain and a path, what answers there, and on what terms. Pure."""

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from monoize.control.projects.model import addresses
from monoize.control.projects.model.instances import LOOPBACK, Instance

TargetKind = Literal["service", "machine", "gateway"]
RouteState = Literal[
    "served", "waiting_for_certificate", "waiting_for_domain", "no_member", "omitted", "invalid", "not_served"
]
"""`not_served`: nginx is not set up here. All but `served` say why nobody is answered by the target."""

GATEWAY: Final = "gateway"
TIMEOUT_S_MOST: Final = 86_400
BODY_MB_MOST: Final = 10_240
HEADERS_MOST: Final = 20
REQUEST_TIMEOUT_S: Final = 60
STREAM_TIMEOUT_S: Final = 3600


@dataclasses.dataclass(frozen=True, slots=True)
class RouteOptions:
    """`timeout_s` is the silence that is borne, an hour where answers may stream; `headers` go on every answer."""

    timeout_s: int | None = None
    body_mb: int = 50
    websocket: bool = True
    buffering: bool = False
    strip_path: bool = False
    hsts: bool = False
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def silence_s(self) -> int:
        streams = self.websocket or not self.buffering
        return self.timeout_s or (STREAM_TIMEOUT_S if streams else REQUEST_TIMEOUT_S)

    def kept(self) -> Mapping[str, Any]:
        """As it is stored: only what differs from the defaults."""
        usual = RouteOptions()
        return {name: getattr(self, name) for name in OPTION_NAMES if getattr(self, name) != getattr(usual, name)}


OPTION_NAMES: Final = tuple(field.name for field in dataclasses.fields(RouteOptions))


def checked_options(values: Mapping[str, Any]) -> RouteOptions:
    """ValueError where a value could not stand in a configuration; bounds are those of the edge."""
    options = RouteOptions(**values)
    numbers = ((options.timeout_s or 1, TIMEOUT_S_MOST), (options.body_mb, BODY_MB_MOST))
    if not all(type(number) is int and 1 <= number <= most for number, most in numbers):
        raise ValueError("must be within bounds")
    if len(options.headers) > HEADERS_MOST:
        raise ValueError(f"must not be more than {HEADERS_MOST} headers")
    for name, value in options.headers.items():
        addresses.header_name(name)
        addresses.header_value(value)
    if len({name.lower() for name in options.headers}) < len(options.headers):
        raise ValueError("must name each header once")
    return options


@dataclasses.dataclass(frozen=True, slots=True)
class Route:
    """`port` is the one that the target listens on: a container's, or a machine's."""

    id: int
    domain: str
    path: str
    target: TargetKind
    service_id: int | None
    project_id: int | None
    machine_id: str | None
    port: int
    tls: bool
    options: RouteOptions
    domain_id: int | None
    created_at: dt.datetime
    updated_at: dt.datetime

    @property
    def upstream(self) -> str:
        """The name of the set of members that answer; several routes may share one."""
        match self.target:
            case "service":
                return f"service_{self.service_id}_{self.port}"
            case "machine":
                return f"machine_{str(self.machine_id).replace('-', '')}_{self.port}"
            case _:
                return GATEWAY


@dataclasses.dataclass(frozen=True, slots=True)
class Member:
    """One that answers for a service's container port: where the engine has published it on this machine."""

    container_port: int
    host: str
    port: int


def members(instances: Sequence[Instance]) -> Sequence[Member]:
    """Also of those that do not run at this moment: nobody tells nginx when one that ended at once runs again."""
    return [
        Member(container, LOOPBACK, host)
        for instance in instances
        for container, host in sorted(instance.ports.items())
    ]
