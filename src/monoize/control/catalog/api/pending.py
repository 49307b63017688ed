"""/api/prices/pending: steep changes of prices, which a second person confirms or rejects."""

from typing import Annotated

from fastapi import Depends
from starlette.responses import Response

from monoize.base.principal import Call
from monoize.control.catalog.actions import proposals
from monoize.control.catalog.actions.proposals import CountAdministrators
from monoize.control.catalog.api.wire import PendingShown, PriceShown, pending_shown, price_shown
from monoize.control.edge.caller import Mutation, mutates, requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.edge.windows import uuid_window
from monoize.control.edge.wire import Page, Uuid, Window
from monoize.infra.audit_log import Change


def router(count_administrators: CountAdministrators) -> Router:
    routes = Router(prefix="/prices/pending", tags=["prices"])

    @routes.get("")
    async def list_pending(
        house: HouseHere,
        window: Annotated[Window, Depends(uuid_window)],
        call: Annotated[Call, requires("prices.read")],
    ) -> Page[PendingShown]:
        async with house.database.read() as tx:
            page = await proposals.list_pending(tx, window)
        return Page([pending_shown(pending) for pending in page.items], page.next_cursor)

    @routes.post("/{pending_id}/confirm", response_model=PriceShown)
    async def confirm(pending_id: Uuid, mutation: Annotated[Mutation, mutates("prices.write")]) -> Response:
        """Write the price; needs another person than the one who proposed it, if there is another."""

        async def confirmed(change: Change) -> PriceShown:
            return price_shown(await proposals.confirm(change, pending_id, count_administrators))

        return await mutation.run(confirmed)

    @routes.delete("/{pending_id}", status_code=204)
    async def reject(pending_id: Uuid, mutation: Annotated[Mutation, mutates("prices.write")]) -> Response:
        return await mutation.run(lambda change: proposals.reject(change, pending_id))

    return routes
