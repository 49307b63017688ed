"""Stops as they are kept, and who may make and lift which."""

import dataclasses
import datetime as dt
from collections.abc import Iterable
from typing import Final

from monoize.base.principal import Principal
from monoize.contract.stops import Scope, Stops

EVERYTHING: Final = "*"


@dataclasses.dataclass(frozen=True, slots=True)
class Stop:
    """`subject` is a tenant or an agent record; `*` where everything is stopped."""

    id: str
    scope: Scope
    subject: str
    reason: str
    stopped_by: str
    by_super_admin: bool
    created_at: dt.datetime


def may_stop(caller: Principal, scope: Scope, tenant_id: str | None) -> bool:
    """`tenant_id` is the tenant that is stopped, or whose agent is."""
    return caller.role == "super_admin" or (scope != "global" and caller.tenant_id == tenant_id)


def may_overrule(caller: Principal, standing: Stop) -> bool:
    return caller.role == "super_admin" or not standing.by_super_admin


def in_force(found: Iterable[Stop]) -> Stops:
    globally: str | None = None
    tenants: dict[str, str] = {}
    agents: dict[str, str] = {}
    for stop in found:
        match stop.scope:
            case "global":
                globally = stop.reason
            case "tenant":
                tenants[stop.subject] = stop.reason
            case "agent":
                agents[stop.subject] = stop.reason
    return Stops(globally, tenants, agents)
