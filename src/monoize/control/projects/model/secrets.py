"""The variables that a service has for itself, each with its versions. Pure; no value is ever part of them."""

import dataclasses
import datetime as dt
from typing import Final

VERSIONS_KEPT: Final = 10
"""Of each secret, the newest; a release has its own copy of what it was started with."""


@dataclasses.dataclass(frozen=True, slots=True)
class Secret:
    """`value` is masked unless the variable is not secret and does not sound like one either."""

    id: int
    service_id: int
    key: str
    value: str
    is_secret: bool
    version: int
    created_at: dt.datetime
    updated_at: dt.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class SecretVersion:
    version: int
    created_by: str
    created_at: dt.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class SealedSecret:
    """As it lies in the database."""

    id: int
    service_id: int
    key: str
    is_secret: bool
    version: int
    sealed: str = dataclasses.field(repr=False)
    created_at: dt.datetime
    updated_at: dt.datetime


def place(service_id: int, key: str, version: int) -> tuple[str, ...]:
    """What a sealed value is bound to: another service, another name or another version does not open it."""
    return "secrets", "sealed", str(service_id), key, str(version)
