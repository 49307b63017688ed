"""Registries as people see them; the password is never part of it."""

import dataclasses
import datetime as dt
from typing import Final, Literal

RegistryType = Literal["ghcr", "ecr", "dockerhub", "generic"]
SERVER: Final = r"^(https?://)?[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?(:[0-9]{1,5})?(/v[12]/?)?$"


@dataclasses.dataclass(frozen=True, slots=True)
class Registry:
    id: int
    name: str
    type: RegistryType
    server: str
    username: str
    created_at: dt.datetime
    updated_at: dt.datetime


def place(id: int) -> tuple[str, str, str]:
    """Where its password is sealed to."""
    return "registries", "password_sealed", str(id)
