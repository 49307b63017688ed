"""/api/domains: whose they are, and whether that was proven."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import Depends, Query
from starlette.responses import Response

from monoize.base.clock import utc_now
from monoize.base.principal import Call
from monoize.control.edge.caller import Mutation, mutates, requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.edge.routers import Router
from monoize.control.edge.windows import number_window
from monoize.control.edge.wire import Page, Window, Wire
from monoize.control.projects.actions import domains
from monoize.control.projects.actions.domains import DomainView
from monoize.control.projects.api.answers import with_body
from monoize.control.projects.api.here import ProxyHere
from monoize.control.projects.api.routes import Domain
from monoize.control.projects.api.variables import Id
from monoize.control.projects.model.domains import Domain as KeptDomain
from monoize.control.projects.model.domains import DomainStatus
from monoize.infra.audit_log import Change

router = Router(prefix="/domains", tags=["domains"])


class DomainCreate(Wire):
    name: Domain


@router.get("")
async def list_domains(
    house: HouseHere,
    window: Annotated[Window, Depends(number_window)],
    call: Annotated[Call, requires("projects.admin")],
    status: Annotated[Sequence[DomainStatus], Query()] = (),
    name: Annotated[Domain | None, Query()] = None,
) -> Page[DomainView]:
    async with house.database.read() as tx:
        found = await domains.list_domains(tx, window, status, name)
    return Page([domains.view(domain, house.settings) for domain in found.items], found.next_cursor)


@router.post("", status_code=201, response_model=DomainView)
async def create_domain(body: DomainCreate, mutation: Annotated[Mutation, mutates("projects.admin")]) -> Response:
    settings = mutation.house.settings
    provider = await domains.provider_of(body.name, settings)

    async def create(change: Change) -> DomainView:
        return domains.view(await domains.create_domain(change, body.name, provider), settings)

    return await mutation.run(create, status=201)


@router.get("/{domain_id}")
async def get_domain(
    domain_id: Id, house: HouseHere, call: Annotated[Call, requires("projects.admin")]
) -> DomainView:
    return await _shown(house, domain_id)


@router.post("/{domain_id}/configure", response_model=DomainView)
async def configure_domain(domain_id: Id, mutation: Annotated[Mutation, mutates("projects.admin")]) -> Response:
    """Write its records into DNS, where its provider lets us."""
    house = mutation.house
    zone_id = await domains.write_records(await _found(house, domain_id), house.settings)
    answer = await mutation.run(lambda change: domains.configured(change, domain_id, zone_id))
    return with_body(answer, await _shown(house, domain_id))


@router.post("/{domain_id}/verify", response_model=DomainView)
async def verify_domain(
    domain_id: Id, proxy: ProxyHere, mutation: Annotated[Mutation, mutates("projects.admin")]
) -> Response:
    """Look in DNS for the proof."""
    house, now = mutation.house, utc_now()
    found = await domains.look(await _found(house, domain_id), house.settings)
    answer = await mutation.run(lambda change: domains.verify(change, domain_id, found, house.settings, now))
    await proxy.follow()
    return with_body(answer, await _shown(house, domain_id))


@router.post("/{domain_id}/activate", response_model=DomainView)
async def activate_domain(
    domain_id: Id, proxy: ProxyHere, mutation: Annotated[Mutation, mutates("projects.admin")]
) -> Response:
    """Let its routes lead to their targets."""
    house = mutation.house
    answer = await mutation.run(lambda change: domains.activate(change, domain_id, house.settings))
    await proxy.follow()
    return with_body(answer, await _shown(house, domain_id))


@router.delete("/{domain_id}", status_code=204)
async def delete_domain(domain_id: Id, mutation: Annotated[Mutation, mutates("projects.admin")]) -> Response:
    return await mutation.run(lambda change: domains.delete_domain(change, domain_id))


async def _found(house: House, domain_id: int) -> KeptDomain:
    async with house.database.read() as tx:
        return await domains.get_domain(tx, domain_id)


async def _shown(house: House, domain_id: int) -> DomainView:
    return domains.view(await _found(house, domain_id), house.settings)
