"""/api/ledger/sub-accounts, transfers, keys: the purses of keys, one's own; with the permission everybody's."""

from typing import Annotated

from starlette.responses import Response

from monoize.base.principal import Call
from monoize.control.edge.caller import Mutation, mutates, requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.edge.wire import Uuid, Wire
from monoize.control.identity.model import SubAccount
from monoize.control.ledger.actions import sub_accounts
from monoize.control.ledger.api.wire import BalanceNano, PositiveNano, Reason
from monoize.control.ledger.model.entries import SubAccountMove

router = Router(prefix="/ledger", tags=["ledger"])


class SubAccountSwitch(Wire):
    """Turning it off gives what is left to the owner of the key, or has the owner pay what is owed."""

    enabled: bool


class Transfer(Wire):
    key_id: Uuid
    amount_nano_usd: PositiveNano


class SubAccountBalance(Wire):
    """What is more than there was is a gift; what is less goes back to the owner of the key."""

    key_id: Uuid
    balance_nano_usd: BalanceNano
    reason: Reason


@router.get("/sub-accounts/{key_id}")
async def get_sub_account(key_id: Uuid, house: HouseHere, call: Annotated[Call, requires("self")]) -> SubAccount:
    async with house.database.read() as tx:
        return await sub_accounts.get(tx, call.principal, key_id)


@router.put("/sub-accounts/{key_id}", response_model=SubAccountMove)
async def set_enabled(
    key_id: Uuid, body: SubAccountSwitch, mutation: Annotated[Mutation, mutates("self")]
) -> Response:
    return await mutation.run(
        lambda change: sub_accounts.set_enabled(change, mutation.house.seal, key_id, enabled=body.enabled)
    )


@router.post("/transfers", status_code=201, response_model=SubAccountMove)
async def transfer(body: Transfer, mutation: Annotated[Mutation, mutates("self")]) -> Response:
    return await mutation.run(
        lambda change: sub_accounts.transfer(change, mutation.house.seal, body.key_id, body.amount_nano_usd),
        status=201,
    )


@router.post("/sub-account-adjustments", status_code=201, response_model=SubAccountMove)
async def set_balance(body: SubAccountBalance, mutation: Annotated[Mutation, mutates("ledger.write")]) -> Response:
    return await mutation.run(
        lambda change: sub_accounts.set_balance(
            change, mutation.house.seal, body.key_id, body.balance_nano_usd, reason=body.reason
        ),
        status=201,
    )


@router.delete("/keys/{key_id}", status_code=204)
async def delete_key(key_id: Uuid, mutation: Annotated[Mutation, mutates("self")]) -> Response:
    """Delete a key, after settling its sub-account with its owner if it has one."""
    return await mutation.run(lambda change: sub_accounts.delete_key(change, mutation.house.seal, key_id))
