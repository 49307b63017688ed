"""/api/fleet/credentials: the login that the hosts of a pool share, for operators. Secrets are shown as marks."""

from typing import Annotated, Any

from fastapi import Depends, Path, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from monoize.base.principal import Call
from monoize.control.edge.caller import Mutation, mutates, requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.edge.windows import number_window
from monoize.control.edge.wire import BIG_INTEGER_MOST, Page, Window, Wire
from monoize.control.fleet.actions import history, renewal, seed_links, validation
from monoize.control.fleet.actions.history import Comparison, PayloadView, Revealed, Stored
from monoize.control.fleet.actions.seed_links import SeedLink
from monoize.control.fleet.api.wire import PoolRef
from monoize.control.fleet.errors import CredentialRefused
from monoize.control.fleet.model import json_text
from monoize.control.fleet.model.installs import installer_base
from monoize.control.fleet.model.payloads import Payload, Standing
from monoize.control.fleet.model.pools import Pool
from monoize.control.fleet.model.versions_block import RunnerState
from monoize.control.identity.services import public_address

router = Router(prefix="/credentials/{pool}", tags=["fleet"])

PayloadId = Annotated[int, Field(ge=1, le=BIG_INTEGER_MOST)]
PayloadRef = Annotated[str, Path(min_length=1, max_length=36, pattern=r"^[0-9a-f-]+$", description="Its id.")]


class CredentialUpload(Wire):
    """`auth` is the file as the tool wrote it; `force` lets it replace a newer one, or one that is broken."""

    auth: dict[str, Any]
    force: bool = False


class CredentialRollback(Wire):
    payload_id: PayloadId


@router.get("")
async def get_standing(pool: PoolRef, house: HouseHere, call: Annotated[Call, requires("fleet.read")]) -> Standing:
    async with house.database.read() as tx:
        return await history.standing(tx, house.seal, pool)


@router.post("", status_code=201, response_model=Stored)
async def upload(
    pool: PoolRef, body: CredentialUpload, request: Request, mutation: Annotated[Mutation, mutates("fleet.write")]
) -> Response:
    document = _as_written(await request.body())
    seal = mutation.house.seal
    return await mutation.run(
        lambda change: history.upload(change, seal, pool, document, force=body.force), status=201
    )


@router.get("/payloads")
async def list_payloads(
    pool: PoolRef,
    house: HouseHere,
    window: Annotated[Window, Depends(number_window)],
    call: Annotated[Call, requires("fleet.read")],
) -> Page[Payload]:
    async with house.database.read() as tx:
        return await history.list_payloads(tx, pool, window)


@router.get("/payloads/{payload}")
async def get_payload(
    pool: PoolRef, payload: PayloadRef, house: HouseHere, call: Annotated[Call, requires("fleet.read")]
) -> PayloadView:
    async with house.database.read() as tx:
        return await history.show(tx, house.seal, pool, history.payload_id_of(payload))


@router.delete("/payloads/{payload}", status_code=204)
async def forget_payload(
    pool: PoolRef, payload: PayloadRef, mutation: Annotated[Mutation, mutates("fleet.write")]
) -> Response:
    return await mutation.run(lambda change: history.forget(change, pool, history.payload_id_of(payload)))


@router.post("/payloads/{payload}/reveal", response_model=Revealed)
async def reveal_payload(
    pool: PoolRef, payload: PayloadRef, mutation: Annotated[Mutation, mutates("fleet.secrets")]
) -> Response:
    seal = mutation.house.seal
    return await mutation.run(lambda change: history.reveal(change, seal, pool, history.payload_id_of(payload)))


@router.get("/diff")
async def compare(
    pool: PoolRef,
    house: HouseHere,
    before: Annotated[int, Query(ge=1, le=BIG_INTEGER_MOST)],
    after: Annotated[int, Query(ge=1, le=BIG_INTEGER_MOST)],
    call: Annotated[Call, requires("fleet.read")],
) -> Comparison:
    async with house.database.read() as tx:
        return await history.compare(tx, house.seal, pool, before, after)


@router.post("/rollback", status_code=201, response_model=Payload)
async def roll_back(
    pool: PoolRef, body: CredentialRollback, mutation: Annotated[Mutation, mutates("fleet.write")]
) -> Response:
    seal = mutation.house.seal
    return await mutation.run(lambda change: history.rollback(change, seal, pool, body.payload_id), status=201)


@router.post("/seed-links", status_code=201, response_model=SeedLink)
async def offer_seed_link(
    pool: PoolRef, request: Request, mutation: Annotated[Mutation, mutates("fleet.write")]
) -> Response:
    base_url = installer_base(public_address(request, mutation.house))
    return await mutation.run(lambda change: seed_links.offer(change, pool, base_url), status=201)


@router.post("/validation", status_code=202, response_model=RunnerState)
async def ask_for_validation(pool: PoolRef, mutation: Annotated[Mutation, mutates("fleet.write")]) -> Response:
    return await mutation.run(lambda change: validation.ask_for(change, pool), status=202)


@router.post("/refresh", status_code=202, response_model=Pool)
async def ask_for_refresh(pool: PoolRef, mutation: Annotated[Mutation, mutates("fleet.write")]) -> Response:
    return await mutation.run(lambda change: renewal.ask_for(change, pool), status=202)


def _as_written(body: bytes) -> Any:
    """The document once more, by our own reader, which leaves its numbers as they are."""
    try:
        return json_text.read(body)["auth"]
    except ValueError as problem:
        raise CredentialRefused(errors=[{"pointer": "/body/auth", "message": str(problem)}]) from None
