"""Links: what a service is told of the others of its project, as `<TARGET>_HOST` and `<TARGET>_PORT`."""

from collections.abc import Collection, Mapping, Sequence

from monoize.control.edge.wire import Page, Window
from monoize.control.projects.errors import LinkNotAllowed, NoSuchService, TooManyLinks
from monoize.control.projects.model.instances import slug
from monoize.control.projects.model.services import LINKS_MOST, Service
from monoize.control.projects.store import services
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx


async def link_env(tx: Tx, service_id: int) -> Mapping[str, str]:
    """What its links say, for a release that starts now."""
    told: dict[str, str] = {}
    for target in await services.links(tx, service_id):
        name = slug(target.name).replace("-", "_").upper()
        told[f"{name}_HOST"] = slug(target.name)
        first = next((port.container for port in target.config.ports), None)
        if first is not None:
            told[f"{name}_PORT"] = str(first)
    return told


async def list_links(tx: Tx, service_id: int) -> Sequence[Service]:
    await services.get(tx, service_id)
    return await services.links(tx, service_id)


async def page_of_links(tx: Tx, service_id: int, window: Window) -> Page[Service]:
    """Those that it is told of, the one that was made last first."""
    await services.get(tx, service_id)
    return window.page(await services.links_page(tx, service_id, window), lambda service: service.id)


async def add_link(change: Change, service_id: int, target_name: str) -> None:
    """To another service of its project, by name."""
    service = await services.get(change.tx, service_id, lock=True)
    before = {target.id for target in await services.links(change.tx, service_id)}
    found = await services.page(change.tx, Window(1, None), project_id=service.project_id, name=target_name)
    if not found or found[0].id == service_id:
        raise LinkNotAllowed(target=target_name)
    if len(before | {found[0].id}) > LINKS_MOST:
        raise TooManyLinks
    await put_links(change, service_id, before | {found[0].id})


async def remove_link(change: Change, service_id: int, target_id: int) -> None:
    await services.get(change.tx, service_id, lock=True)
    before = {target.id for target in await services.links(change.tx, service_id)}
    await put_links(change, service_id, before - {target_id})


async def put_links(change: Change, service_id: int, targets: Collection[int]) -> Sequence[Service]:
    """All links of a service instead of those it had; its next release is told of them."""
    service = await services.get(change.tx, service_id, lock=True)
    wanted = set(targets) - {service_id}
    for target in sorted(wanted):
        try:
            found = await services.get(change.tx, target)
        except NoSuchService:
            raise LinkNotAllowed(target=target) from None
        if found.project_id != service.project_id:
            raise LinkNotAllowed(target=target)
    await services.put_links(change.tx, service_id, wanted)
    change.record("service.link", "service", service_id, name=service.name, targets=sorted(wanted))
    return await services.links(change.tx, service_id)
