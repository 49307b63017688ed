"""/api/ledger/top-ups, adjustments, refunds, balances: what administrators do to users' balances."""

from typing import Annotated, Self

from pydantic import model_validator
from starlette.responses import Response

from monoize.contract.budgets import HoldPolicy
from monoize.control.edge.caller import Mutation, mutates
from monoize.control.edge.routers import Router
from monoize.control.edge.wire import Uuid, Wire
from monoize.control.identity.model import UserBalance
from monoize.control.ledger.actions import corrections
from monoize.control.ledger.api.wire import DeltaNano, OverdraftNano, PositiveNano, Reason, Reference
from monoize.control.ledger.model.entries import Entry

router = Router(prefix="/ledger", tags=["ledger"])


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
    """What is left out stays as it is. The overdraft, how far below zero, belongs to the policy of that name."""

    unlimited: bool | None = None
    hold_policy: HoldPolicy | None = None
    overdraft_nano_usd: OverdraftNano | None = None

    @model_validator(mode="after")
    def _overdraft_with_its_policy(self) -> Self:
        if (self.overdraft_nano_usd is not None) != (self.hold_policy == "overdraft"):
            raise ValueError("overdraft_nano_usd goes with the policy overdraft, and the other way round")
        if self.unlimited is None and self.hold_policy is None:
            raise ValueError("nothing is said")
        return self


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
    """Whether this user may owe without end, and what becomes of a request that the balance does not cover."""
    return await mutation.run(
        lambda change: corrections.set_limit(
            change,
            user_id,
            unlimited=body.unlimited,
            hold_policy=body.hold_policy,
            overdraft=body.overdraft_nano_usd or 0,
        )
    )
