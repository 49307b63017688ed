"""What `main` puts together and every request may use."""

import dataclasses
from typing import Protocol

from starlette.requests import HTTPConnection

from monoize.base.principal import Principal
from monoize.infra.audit_log import AuditLog
from monoize.infra.counters import Counters
from monoize.infra.db import Database
from monoize.infra.sealed import Seal
from monoize.infra.settings import Settings


@dataclasses.dataclass(frozen=True, slots=True)
class Presented:
    """What a request shows of itself, before anybody believed it."""

    bearer: str | None = None
    session: str | None = None
    authjs_session: str | None = None
    act_for: str | None = None
    ip: str | None = None


class Authenticator(Protocol):
    async def authenticate(self, presented: Presented) -> Principal:
        """Say who it is, or raise Unauthenticated, Forbidden or TooMany."""
        ...


@dataclasses.dataclass(frozen=True, slots=True)
class House:
    """`installation` tells this database from all others, for good: by it things outside are known as ours."""

    settings: Settings
    database: Database
    seal: Seal
    audit_log: AuditLog
    counters: Counters
    authenticator: Authenticator
    installation: str


def house_of(connection: HTTPConnection) -> House:
    house: House = connection.app.state.house
    return house
