"""Charges that come in batches from machines: the hot path of the house.

They write no audit rows; the ledger is their record. Replaying a batch, or a part of it in another, is harmless.
"""

from collections.abc import Sequence
from typing import Final

from monoize.control.ledger.actions.book import Book, opened
from monoize.control.ledger.model.entries import Charge, Charged, kinds_of_charge
from monoize.control.ledger.model.kinds import ON_SUB_ACCOUNT, ChargeKind, KindName
from monoize.control.ledger.store import entries
from monoize.infra.db import Tx
from monoize.infra.sealed import Seal

BATCH_MOST: Final = 2000

Name = tuple[ChargeKind, str]
Booked = tuple[str, int]
_CHARGE_OF: Final[dict[KindName, ChargeKind]] = {
    booked_as: kind for kind in ("request_charge", "compute_overage") for booked_as in kinds_of_charge(kind)
}


async def post_charges(tx: Tx, seal: Seal, charges: Sequence[Charge]) -> Charged:
    """Book all charges that are not booked yet, in order; a charge of 0 needs no row.

    A charge goes to the sub-account of its key, if there is one at this moment, else to its user. Two transactions
    that book one request for two users at the same moment end with `ReferenceReused` for one of them; repeating its
    batch then tells which charge it is.
    """
    if len(charges) > BATCH_MOST:
        raise ValueError(f"a batch has at most {BATCH_MOST} charges")
    wanted = [charge for charge in charges if charge.amount_nano_usd]
    if not wanted:
        return Charged(0, 0, [])
    new = 0
    conflicting: list[str] = []
    user_ids = {charge.user_id for charge in wanted}
    key_ids = {charge.api_key_id for charge in wanted if charge.api_key_id and charge.kind in ON_SUB_ACCOUNT}
    async with opened(tx, seal, poster="machine", user_ids=user_ids, key_ids=key_ids) as book:
        # After the locks: whoever is booking the same charges at this moment has committed before we look.
        booked = await _booked(tx, wanted)
        for charge in wanted:
            ours = (charge.user_id, -charge.amount_nano_usd)
            if booked.setdefault(charge.name, ours) is ours:
                _post(book, charge)
                new += 1
            elif booked[charge.name] != ours:
                conflicting.append(charge.request_id)
    return Charged(new, len(wanted) - new - len(conflicting), conflicting)


async def _booked(tx: Tx, charges: Sequence[Charge]) -> dict[Name, Booked]:
    """Who was charged what for those of these charges that are in the ledger."""
    kinds = {booked_as for charge in charges for booked_as in kinds_of_charge(charge.kind)}
    rows = await entries.charged(tx, kinds, {charge.request_id for charge in charges})
    return {(_CHARGE_OF[row.kind], row.request_id): (row.user_id, row.delta_nano_usd) for row in rows}


def _post(book: Book, charge: Charge) -> None:
    sub_account = book.sub_accounts.get(charge.api_key_id or "")
    on_key = sub_account is not None and sub_account.user_id == charge.user_id and charge.kind in ON_SUB_ACCOUNT
    book.append(
        ON_SUB_ACCOUNT[charge.kind] if on_key else charge.kind,
        -charge.amount_nano_usd,
        user_id=charge.user_id,
        key_id=charge.api_key_id,
        on_key=on_key,
        request_id=charge.request_id,
        of_agent=charge.of_agent,
        meta_json=charge.meta_json,
    )
