"""The kinds of ledger rows: whose balance each may move and in which direction, and who may post it."""

import dataclasses
from collections.abc import Mapping
from typing import Final, Literal

KindName = Literal[
    "request_charge",
    "api_key_charge",
    "compute_overage",
    "top_up",
    "admin_adjustment",
    "refund",
    "sub_account_transfer_out",
    "sub_account_transfer_in",
    "sub_account_refund",
    "sub_account_debt_transfer",
    "sub_account_delete_settlement",
    "admin_sub_account_adjustment",
]
Sign = Literal["+", "-", "±"]
Poster = Literal["machine", "owner", "administrator"]


@dataclasses.dataclass(frozen=True, slots=True)
class Kind:
    """The signs are None where rows of this kind never move such a balance."""

    on_user: Sign | None
    on_key: Sign | None
    posted_by: Poster
    # What makes a repeat harmless: the request, the payment, or for a refund the row that it reverses.
    request_id: Literal["always", "may", "never"] = "never"
    refundable: bool = False


KINDS: Final[Mapping[KindName, Kind]] = {
    "request_charge": Kind("-", None, "machine", "always", refundable=True),
    "api_key_charge": Kind(None, "-", "machine", "always", refundable=True),
    "compute_overage": Kind("-", None, "machine", "always", refundable=True),
    "top_up": Kind("+", None, "administrator", "may", refundable=True),
    "admin_adjustment": Kind("±", None, "administrator"),
    "refund": Kind("±", "±", "administrator", "always"),
    "sub_account_transfer_out": Kind("-", None, "owner"),
    "sub_account_transfer_in": Kind(None, "+", "owner"),
    # What is left on a sub-account, or owed there, goes to its owner when it is turned off or made smaller.
    "sub_account_refund": Kind("+", "-", "owner"),
    "sub_account_debt_transfer": Kind("-", "+", "owner"),
    "sub_account_delete_settlement": Kind("±", "±", "owner"),
    "admin_sub_account_adjustment": Kind(None, "+", "administrator"),
}

ChargeKind = Literal["request_charge", "compute_overage"]
ON_SUB_ACCOUNT: Final[Mapping[ChargeKind, KindName]] = {"request_charge": "api_key_charge"}
"""What a charge is called when it is taken from the sub-account of its key."""


def fits(kind: KindName, *, on_key: bool, delta: int, request_id: str | None) -> bool:
    """Whether a row of this kind may look like this."""
    rules = KINDS[kind]
    sign = rules.on_key if on_key else rules.on_user
    right_way = sign is not None and (sign == "±" or (delta > 0) == (sign == "+"))
    named_rightly = rules.request_id == "may" or (request_id is not None) == (rules.request_id == "always")
    return delta != 0 and right_way and named_rightly
