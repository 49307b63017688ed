"""/api/ledger/top-ups, adjustments, refunds, balances: what administrators do to users' balances."""

from typing import Annotated

from fastapi import APIRouter
from starlette.responses import Response

from monoize.control.edge.caller import Mutation, mutates
from monoize.control.edge.wire import Uuid, Wire
from monoize.control.identity.model import UserBalance
from monoize.control.ledger.actions import corrections
from monoize.control.ledger.api.wire import DeltaNano, PositiveNano, Reason, Reference
from monoize.control.ledger.model.entries import Entry

router = APIRouter(prefix="/ledger", tags=["ledger"])


class TopUp(Wire):
    """A `reference` names the payment: the same one is booked once."""

    user_id: Uuid
    amount_nano_usd: PositiveNano
    reference: Reference | None = None
    note: Reason | None = None


class Adjustment(Wire):
    user_id: Uuid
    delta_nano_usd: DeltaNano
    reason: Reason


class Refund(Wire):
    """Without an amount, all of the entry is given back."""

    entry_id: Uuid
    amount_nano_usd: PositiveNano | None = None
    reason: Reason


class BalanceLimit(Wire):
    unlimited: bool


@router.post("/top-ups", status_code=201, response_model=Entry)
async def top_up(body: TopUp, mutation: Annotated[Mutation, mutates("ledger.write")]) -> Response:
    return await mutation.run(
        lambda change: corrections.top_up(
            change,
            mutation.house.seal,
            body.user_id,
            body.amount_nano_usd,
            reference=body.reference,
            note=body.note,
        ),
        status=201,
    )


@router.post("/adjustments", status_code=201, response_model=Entry)
async def adjust(body: Adjustment, mutation: Annotated[Mutation, mutates("ledger.write")]) -> Response:
    return await mutation.run(
        lambda change: corrections.adjust(
            change, mutation.house.seal, body.user_id, body.delta_nano_usd, reason=body.reason
        ),
        status=201,
    )


@router.post("/refunds", status_code=201, response_model=Entry)
async def refund(body: Refund, mutation: Annotated[Mutation, mutates("ledger.write")]) -> Response:
    return await mutation.run(
        lambda change: corrections.refund(
            change, mutation.house.seal, body.entry_id, amount=body.amount_nano_usd, reason=body.reason
        ),
        status=201,
    )


@router.put("/balances/{user_id}", response_model=UserBalance)
async def set_limit(
    user_id: Uuid, body: BalanceLimit, mutation: Annotated[Mutation, mutates("ledger.write")]
) -> Response:
    """Whether this user may owe without end."""
    return await mutation.run(lambda change: corrections.set_unlimited(change, user_id, unlimited=body.unlimited))
