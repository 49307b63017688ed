"""/api/fleet/hosts: the enrolled computers, for operators."""

from typing import Annotated

from fastapi import Depends, Query, Request
from starlette.responses import Response

from monoize.base.clock import utc_now
from monoize.base.principal import Call
from monoize.control.edge.caller import Mutation, mutates, requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.edge.routers import Router
from monoize.control.edge.windows import number_window
from monoize.control.edge.wire import Page, Uuid, Window, Wire
from monoize.control.fleet.actions import enrolment, hosts
from monoize.control.fleet.actions.enrolment import Enrolled
from monoize.control.fleet.actions.hosts import HostFilter, HostUsers
from monoize.control.fleet.api.wire import (
    ClientVersion,
    Effort,
    Fqdn,
    HostRef,
    ModelName,
    NamedPool,
    Tags,
    Targets,
    WindowMinutes,
)
from monoize.control.fleet.model.alerts import STALE_AFTER
from monoize.control.fleet.model.hosts import Host, HostStatus
from monoize.control.fleet.model.installs import installer_base
from monoize.control.identity.services import public_address

router = Router(prefix="/hosts", tags=["fleet"])


class HostTerms(Wire):
    pool: NamedPool | None = None
    secure: bool | None = None
    vip: bool | None = None
    roaming: bool | None = None
    temporary: bool | None = None
    user_id: Uuid | None = None
    tags: Tags | None = None
    allowed_targets: Targets | None = None


class HostEnrol(HostTerms):
    """A name that is known gets a new key and keeps what is not named here; null is as good as not named."""

    fqdn: Fqdn


class HostUpdate(HostTerms):
    """Only what is sent changes; null takes a pin, an override, a list or the owner away."""

    client_version_override: ClientVersion | None = None
    model_override: ModelName | None = None
    reasoning_effort_override: Effort | None = None
    insecure_window_minutes: WindowMinutes | None = None


class WindowOpen(Wire):
    minutes: WindowMinutes | None = None


_CLEARABLE = frozenset(
    {
        "user_id",
        "tags",
        "allowed_targets",
        "client_version_override",
        "model_override",
        "reasoning_effort_override",
    }
)


@router.get("")
async def list_hosts(
    house: HouseHere,
    window: Annotated[Window, Depends(number_window)],
    call: Annotated[Call, requires("fleet.read")],
    pool: Annotated[str | None, Query(max_length=64, description="Only of this pool, by name or id.")] = None,
    status: HostStatus | None = None,
    name: Annotated[str | None, Query(max_length=253, description="Only those with this in their name.")] = None,
    insecure: Annotated[bool | None, Query(description="Only those that need a window, or none that does.")] = None,
    silent: Annotated[bool, Query(description="Only those that were not heard of for a week.")] = False,
    window_open: Annotated[bool, Query(description="Only insecure ones that may call now.")] = False,
    behind: Annotated[bool, Query(description="Only those with another credential than their pool's.")] = False,
) -> Page[Host]:
    now = utc_now()
    wanted = HostFilter(
        pool,
        status,
        name,
        insecure,
        silent_since=now - STALE_AFTER if silent else None,
        window_open_at=now if window_open else None,
        behind=behind,
    )
    async with house.database.read() as tx:
        return await hosts.list_hosts(tx, window, wanted)


@router.post("", status_code=201, response_model=Enrolled)
async def enrol_host(
    body: HostEnrol, request: Request, mutation: Annotated[Mutation, mutates("fleet.write")]
) -> Response:
    base_url, now = _base_url(request, mutation.house), utc_now()
    values = body.model_dump(exclude={"fqdn"}, exclude_none=True)
    return await mutation.run(
        lambda change: enrolment.enrol(change, mutation.house.seal, body.fqdn, values, base_url, now), status=201
    )


@router.get("/{host}")
async def get_host(host: HostRef, house: HouseHere, call: Annotated[Call, requires("fleet.read")]) -> Host:
    async with house.database.read() as tx:
        return await hosts.find(tx, host)


@router.patch("/{host}", response_model=Host)
async def update_host(
    host: HostRef, body: HostUpdate, mutation: Annotated[Mutation, mutates("fleet.write")]
) -> Response:
    values = body.sent(clearable=_CLEARABLE)
    return await mutation.run(lambda change: hosts.update_host(change, host, values, utc_now()))


@router.delete("/{host}", status_code=204)
async def delete_host(host: HostRef, mutation: Annotated[Mutation, mutates("fleet.write")]) -> Response:
    return await mutation.run(lambda change: hosts.delete_host(change, host))


@router.post("/{host}/rotate", response_model=Enrolled)
async def rotate_key(
    host: HostRef, request: Request, mutation: Annotated[Mutation, mutates("fleet.write")]
) -> Response:
    base_url, now = _base_url(request, mutation.house), utc_now()
    return await mutation.run(lambda change: enrolment.rotate(change, mutation.house.seal, host, base_url, now))


@router.post("/{host}/suspend", response_model=Host)
async def suspend_host(host: HostRef, mutation: Annotated[Mutation, mutates("fleet.write")]) -> Response:
    return await mutation.run(lambda change: hosts.suspend(change, host))


@router.post("/{host}/resume", response_model=Host)
async def resume_host(host: HostRef, mutation: Annotated[Mutation, mutates("fleet.write")]) -> Response:
    return await mutation.run(lambda change: hosts.resume(change, host))


@router.post("/{host}/unbind", response_model=Host)
async def unbind_host(host: HostRef, mutation: Annotated[Mutation, mutates("fleet.write")]) -> Response:
    return await mutation.run(lambda change: hosts.unbind(change, host))


@router.post("/{host}/clear", response_model=Host)
async def clear_host(host: HostRef, mutation: Annotated[Mutation, mutates("fleet.write")]) -> Response:
    return await mutation.run(lambda change: hosts.clear(change, host))


@router.post("/{host}/window", response_model=Host)
async def open_window(
    host: HostRef, body: WindowOpen, mutation: Annotated[Mutation, mutates("fleet.write")]
) -> Response:
    now = utc_now()
    return await mutation.run(lambda change: hosts.open_window(change, host, body.minutes, now))


@router.delete("/{host}/window", response_model=Host)
async def close_window(host: HostRef, mutation: Annotated[Mutation, mutates("fleet.write")]) -> Response:
    return await mutation.run(lambda change: hosts.close_window(change, host))


@router.get("/{host}/users")
async def list_users(host: HostRef, house: HouseHere, call: Annotated[Call, requires("fleet.read")]) -> HostUsers:
    async with house.database.read() as tx:
        return await hosts.list_users(tx, host)


def _base_url(request: Request, house: House) -> str:
    # Before any key is made: without an address nobody could use it.
    return installer_base(public_address(request, house))
