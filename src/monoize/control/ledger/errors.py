"""The ways in which the ledger refuses."""

from monoize.base.errors import Conflict, Invalid, NotFound, PaymentRequired


class InsufficientBalance(PaymentRequired):
    """The balance does not cover this."""

    code = "insufficient_balance"
    hint = "Top the balance up, or take less."


class NoSuchEntry(NotFound):
    """There is no such ledger entry."""

    code = "entry_not_found"


class NoSuchRequest(NotFound):
    """There is no such request in the log."""

    code = "request_not_found"
    hint = "A request is in the log within seconds after its end; its id is in the answer's x-request-id."


class NoSuchCapture(NotFound):
    """Nothing is kept of such a request."""

    code = "capture_not_found"
    hint = "Kept is what a key with a capture mode asks, while `captures_enabled` is set, for a short time."


class NotRefundable(Conflict):
    """Only charges and top-ups can be refunded."""

    code = "not_refundable"
    hint = "Correct anything else with an adjustment."


class AlreadyRefunded(Conflict):
    """This entry was refunded before, with another amount."""

    code = "already_refunded"
    hint = "An entry is refunded once; correct the rest with an adjustment."


class ReferenceReused(Conflict):
    """This reference belongs to another booking already."""

    code = "reference_reused"
    hint = "Repeat a reference only with the same user and amount; a new booking takes a new one."


class SubAccountOff(Conflict):
    """This key has no sub-account."""

    code = "sub_account_off"
    hint = "Turn it on first."


class BalanceOutOfRange(Conflict):
    """A balance would leave the range of signed 128-bit numbers."""

    code = "balance_out_of_range"


class RefundTooLarge(Invalid):
    """A refund cannot be more than what it gives back."""

    code = "refund_too_large"


class SummaryTooLong(Invalid):
    """A summary covers at most 366 days."""

    code = "summary_too_long"
    hint = "Ask for a shorter time; `since` is the first day and `until` the day after the last."
