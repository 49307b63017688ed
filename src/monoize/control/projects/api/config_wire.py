"""How the configuration of a service crosses HTTP: bounded, strict, and merged into what there is."""

import ipaddress
import re
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from monoize.control.edge.wire import BIG_INTEGER_MOST, STORABLE, Wire
from monoize.control.projects.model import config as configs
from monoize.control.projects.model import env as env_rules
from monoize.control.projects.model import terms
from monoize.control.projects.model.config import (
    Health,
    HealthKind,
    Limits,
    Port,
    Protocol,
    Restart,
    ServiceConfig,
    Volume,
)
from monoize.control.projects.model.services import DESCRIPTION_MOST
from monoize.control.projects.model.terms import DeployTerms


def _image(value: str) -> str:
    if not configs.image_is_valid(value):
        raise ValueError("must be the name of an image, such as ghcr.io/owner/name:tag")
    return value


def _address(value: str) -> str:
    return str(ipaddress.ip_address(value))


def _folder_or_name(value: str) -> str:
    if not re.fullmatch(configs.MOUNT_PATH if value.startswith("/") else configs.VOLUME_NAME, value):
        raise ValueError("must be a name of [a-z0-9_.-], or the absolute path of a folder")
    if ".." in value.split("/"):
        raise ValueError("must not contain ..")
    return value


def _with_a_program(value: list[str]) -> list[str]:
    if not value[0].strip():
        raise ValueError("must begin with the name of a program")
    return value


def _env_size(value: dict[str, str]) -> dict[str, str]:
    if any(len(each.encode()) > env_rules.VALUE_BYTES_MOST for each in value.values()):
        raise ValueError(f"must have at most {env_rules.VALUE_BYTES_MOST} bytes in each value")
    return value


PortNumber = Annotated[int, Field(ge=1, le=65_535)]
Image = Annotated[str, Field(min_length=1, max_length=configs.IMAGE_MOST), AfterValidator(_image)]
ServiceName = Annotated[str, Field(pattern=configs.SERVICE_NAME, max_length=63)]
Description = Annotated[str, Field(min_length=1, max_length=DESCRIPTION_MOST), STORABLE]
Argument = Annotated[str, Field(max_length=4_096), STORABLE]
Command = Annotated[
    list[Argument], Field(min_length=1, max_length=configs.ARGUMENTS_MOST), AfterValidator(_with_a_program)
]
EnvKey = Annotated[str, Field(pattern=env_rules.KEY, max_length=128)]
EnvValue = Annotated[str, Field(max_length=env_rules.VALUE_BYTES_MOST), STORABLE]
Env = Annotated[dict[EnvKey, EnvValue], Field(max_length=env_rules.KEYS_MOST), AfterValidator(_env_size)]
RowId = Annotated[int, Field(ge=1, le=BIG_INTEGER_MOST)]


class PortSent(Wire):
    """`host` is a fixed port of the machine; without it, nginx alone reaches the port."""

    container: PortNumber
    host: PortNumber | None = None
    protocol: Protocol = "tcp"
    bind: Annotated[str, Field(max_length=45), AfterValidator(_address)] = "127.0.0.1"


class VolumeSent(Wire):
    source: Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_folder_or_name)]
    target: Annotated[str, Field(pattern=configs.MOUNT_PATH)]
    read_only: bool = False


class LimitsSent(Wire):
    memory_mb: Annotated[int, Field(ge=6, le=4_194_304)] | None = None
    cpus: Annotated[float, Field(ge=0.01, le=1_024, allow_inf_nan=False, strict=False)] | None = None
    pids: Annotated[int, Field(ge=1, le=1_000_000)] | None = None


class HealthSent(Wire):
    """`http` asks for `path`; `tcp` connects; `none` is content with a running container."""

    kind: HealthKind = "tcp"
    path: Annotated[str, Field(pattern=configs.PROBE_PATH)] = "/"
    port: PortNumber | None = None
    timeout_s: Annotated[float, Field(ge=0.1, le=60, allow_inf_nan=False, strict=False)] = 5
    within_s: Annotated[int, Field(ge=1, le=3_600)] = 60
    expect_least: Annotated[int, Field(ge=100, le=599)] = 200
    expect_most: Annotated[int, Field(ge=100, le=599)] = 399


class DeploySent(Wire):
    hook: Command | None = None
    drain_s: Annotated[int, Field(ge=0, le=terms.DRAIN_S_MOST)] = 10
    timeout_s: Annotated[int, Field(ge=terms.TIMEOUT_S_LEAST, le=terms.TIMEOUT_S_MOST)] = 1_800


class ConfigSent(Wire):
    """What is left away stays as it is, or as it is by itself in a new service."""

    command: Command | None = None
    ports: Annotated[list[PortSent], Field(max_length=configs.PORTS_MOST)] | None = None
    volumes: Annotated[list[VolumeSent], Field(max_length=configs.VOLUMES_MOST)] | None = None
    limits: LimitsSent | None = None
    restart: Restart | None = None
    health: HealthSent | None = None
    replicas: Annotated[int, Field(ge=1, le=configs.REPLICAS_MOST)] | None = None
    stop_grace_s: Annotated[int, Field(ge=0, le=120)] | None = None
    deploy: DeploySent | None = None
    env: Env | None = None
    registry_id: RowId | None = None
    environment_id: RowId | None = None
    description: Description | None = None


CLEARABLE = frozenset({"command", "registry_id", "environment_id", "description"})
_ROW = ("env", "registry_id", "environment_id", "description", "name")


def merged(before: ServiceConfig, sent: dict[str, Any], body: ConfigSent) -> ServiceConfig:
    """The configuration with what was sent of it."""
    kept = {name: getattr(before, name) for name in ServiceConfig.__dataclass_fields__}
    for name in sent:
        if name not in kept:
            continue
        value = getattr(body, name)
        match name:
            case "command":
                kept[name] = None if value is None else tuple(value)
            case "ports":
                kept[name] = tuple(Port(**one.model_dump()) for one in value)
            case "volumes":
                kept[name] = tuple(Volume(**one.model_dump()) for one in value)
            case "limits":
                kept[name] = Limits(**value.model_dump())
            case "health":
                kept[name] = Health(**value.model_dump())
            case "deploy":
                hook = None if value.hook is None else tuple(value.hook)
                kept[name] = DeployTerms(hook=hook, drain_s=value.drain_s, timeout_s=value.timeout_s)
            case _:
                kept[name] = value
    return ServiceConfig(**kept)


def row_values(sent: dict[str, Any]) -> dict[str, Any]:
    """What was sent of what is not part of a release's configuration."""
    return {name: sent[name] for name in _ROW if name in sent}
