"""Why a request went as it went, in sentences. Pure."""

from collections.abc import Iterator, Sequence

from monoize.control.ledger.model.requests import Attempt, Explanation, Upstream
from monoize.dashboard.format import usd


def told(found: Explanation) -> Sequence[str]:
    return [*_way(found), *_price(found)]


def _way(found: Explanation) -> Iterator[str]:
    if found.request.cache_hit:
        yield "An earlier answer to the same request was given once more, so no provider was asked."
        return
    attempts = found.attempts or ()
    for attempt in attempts:
        if attempt.outcome == "failed":
            yield f"{_place(attempt)} failed{_with(attempt)}, so {_then(attempt, attempts)}."
        elif attempt.outcome == "broke_off":
            yield f"{_place(attempt)} broke off in the middle; an answer that has begun is never switched."
        else:
            yield f"{_place(attempt)} answered."
    if not attempts and found.request.status == "error":
        yield "It was refused before any provider was asked."


def _price(found: Explanation) -> Iterator[str]:
    bill = found.bill
    if bill.is_estimated:
        yield "The provider did not say what was used, so the charge is estimated from what was sent and received."
    if bill.behind and bill.behind.multiplier not in (None, "1"):
        yield f"The charge is the cost times the multiplier of the channel, {bill.behind.multiplier}."
    if bill.charge_nano_usd == 0:
        yield "Nothing was charged."
    elif found.entry is not None:
        account = (
            "the sub-account of the key" if found.entry.account == "sub_account" else "the balance of the user"
        )
        yield f"{usd(-found.entry.delta_nano_usd)} was taken from {account}."
    elif bill.charge_nano_usd is not None:
        yield "The charge is not in the ledger yet; it follows within seconds."


def _place(attempt: Attempt) -> str:
    return f"Attempt {attempt.number}{_at(attempt.upstream)}"


def _at(upstream: Upstream | None) -> str:
    if upstream is None:
        return ""
    where = upstream.channel or upstream.channel_id or "a channel that is gone"
    return f" at {where}" + (f" of {upstream.provider}" if upstream.provider else "")


def _with(attempt: Attempt) -> str:
    said = [str(attempt.status)] if attempt.status else []
    said += [attempt.code] if attempt.code else []
    return f" ({', '.join(said)})" if said else ""


def _then(attempt: Attempt, attempts: Sequence[Attempt]) -> str:
    return "the next was tried" if attempt.number < len(attempts) else "the caller was told"
