"""Environments: sets of variables that services share, and that inherit from one another. Pure."""

import dataclasses
import datetime as dt
from typing import Final, Literal

EnvironmentKind = Literal["development", "staging", "production", "testing"]
ENVIRONMENT_NAME: Final = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"


@dataclasses.dataclass(frozen=True, slots=True)
class Environment:
    id: int
    name: str
    kind: EnvironmentKind
    description: str | None
    inherits_id: int | None
    created_at: dt.datetime
    updated_at: dt.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class EnvironmentVariable:
    """`value` is masked like that of a secret."""

    key: str
    value: str
    is_secret: bool
    version: int
    updated_at: dt.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class SealedVariable:
    environment_id: int
    key: str
    is_secret: bool
    version: int
    sealed: str = dataclasses.field(repr=False)
    updated_at: dt.datetime


def place(environment_id: int, key: str) -> tuple[str, ...]:
    return "environment_variables", "sealed", str(environment_id), key
