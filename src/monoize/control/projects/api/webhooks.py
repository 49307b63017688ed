"""/api/projects/{project_id}/webhook for operators, and /api/webhooks/github/{project_id} for GitHub.

GitHub has no credential of ours: what it sends is believed when it is signed with the project's secret.
"""

from typing import Annotated

from fastapi import Depends, Header, Request
from starlette.responses import Response

from monoize.base.principal import Call
from monoize.control.edge.caller import Mutation, mutates, requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.edge.windows import number_window
from monoize.control.edge.wire import Page, Window
from monoize.control.identity.services import public_address
from monoize.control.projects.actions import webhooks
from monoize.control.projects.actions.webhooks import NewWebhook, Taken
from monoize.control.projects.api.variables import Id
from monoize.control.projects.errors import WebhookUnreadable
from monoize.control.projects.model.webhooks import DELIVERY_ID, EVENT, Delivery

router = Router(prefix="/projects/{project_id}/webhook", tags=["webhooks"])
public_router = Router(prefix="/webhooks", tags=["webhooks"])


@router.post("", status_code=201, response_model=NewWebhook)
async def rotate_webhook(
    project_id: Id, request: Request, mutation: Annotated[Mutation, mutates("projects.write")]
) -> Response:
    """A new secret, shown this once; the one before is refused from now on."""
    base_url, seal = public_address(request, mutation.house), mutation.house.seal
    return await mutation.run(lambda change: webhooks.rotate(change, seal, project_id, base_url), status=201)


@router.delete("", status_code=204)
async def delete_webhook(project_id: Id, mutation: Annotated[Mutation, mutates("projects.write")]) -> Response:
    return await mutation.run(lambda change: webhooks.remove(change, project_id))


@router.get("/deliveries")
async def list_deliveries(
    project_id: Id,
    house: HouseHere,
    window: Annotated[Window, Depends(number_window)],
    call: Annotated[Call, requires("projects.read")],
) -> Page[Delivery]:
    async with house.database.read() as tx:
        return await webhooks.list_deliveries(tx, project_id, window)


@router.post("/deliveries/{delivery_id}/replay", response_model=Delivery)
async def replay_delivery(
    project_id: Id, delivery_id: Id, mutation: Annotated[Mutation, mutates("projects.write")]
) -> Response:
    """What would follow from a push if it came now: it builds and deploys, also what it did not at that time."""
    return await mutation.run(lambda change: webhooks.replay(change, project_id, delivery_id))


@public_router.post("/github/{project_id}", status_code=202, include_in_schema=False)
async def receive_from_github(
    project_id: Id,
    request: Request,
    house: HouseHere,
    event: Annotated[str, Header(alias="x-github-event")] = "",
    delivery_id: Annotated[str, Header(alias="x-github-delivery")] = "",
    signature: Annotated[str | None, Header(alias="x-hub-signature-256")] = None,
) -> Taken:
    if not (EVENT.fullmatch(event) and DELIVERY_ID.fullmatch(delivery_id)):
        raise WebhookUnreadable("The headers X-GitHub-Event and X-GitHub-Delivery say what this is.")
    return await webhooks.deliver(
        house,
        project_id,
        event=event,
        delivery_id=delivery_id,
        signature=signature,
        body=await request.body(),
        request_id=request.state.request_id,
        ip=request.state.ip,
    )
