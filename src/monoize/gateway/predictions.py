"""A prediction of Replicate's: made, asked after until it has ended, and cancelled when nobody waits any more.

It is not waited for where it is made, for as long as it takes: then nobody would know its id, and could cancel it.
Whatever comes of it goes to the caller as it is; an address in it is never fetched.
"""

import asyncio
import contextlib
from typing import Final, Protocol

from monoize.gateway.attempts import AttemptFailed, CallerAtFault
from monoize.gateway.exchange import Exchange, Header
from monoize.gateway.protocol.errors import BadAnswer
from monoize.gateway.protocol.replicate.prediction import Place, Prediction, read_prediction
from monoize.gateway.protocol.urp import Failed

WAIT: Final[Header] = (b"prefer", b"wait=1")
ASK_AGAIN_S: Final = 0.5
ASK_AGAIN_MOST_S: Final = 2.0
UNHEARD_MOST: Final = 3
CANCEL_MOST_S: Final = 5.0

_TIMED_OUT: Final = Failed(
    message="The prediction did not end in time.", code="upstream_timeout_first_byte", status=504
)


class Ask(Protocol):
    """Sends this to the channel and reads its answer, or raises what is to be made of it."""

    async def __call__(self, method: str, path: str, body: bytes = b"", *more: Header) -> bytes: ...


async def ended(exchange: Exchange, ask: Ask, place: Place, body: bytes, *, patience_s: float) -> bytes:
    """As it is told once it has ended, however that was."""
    told = await ask("POST", place.path, body, WAIT)
    if _is_over(told):
        return told
    path = _path(told)
    try:
        async with asyncio.timeout(patience_s):
            return await _end_of(exchange, ask, path)
    except BaseException as reason:
        # It is paid for as long as it runs.
        await _cancel(ask, path)
        if isinstance(reason, TimeoutError):
            raise AttemptFailed(_TIMED_OUT, is_passing=True) from reason
        raise


async def _end_of(exchange: Exchange, ask: Ask, path: str) -> bytes:
    wait_s, unheard = ASK_AGAIN_S, 0
    while True:
        await exchange.waits_for(asyncio.sleep(wait_s))
        wait_s = min(wait_s * 1.2, ASK_AGAIN_MOST_S)
        try:
            told = await ask("GET", path)
            if _is_over(told):
                return told
            unheard = 0
        except AttemptFailed:
            # It runs on, whether we hear of it or not.
            unheard += 1
            if unheard >= UNHEARD_MOST:
                raise


async def _cancel(ask: Ask, path: str) -> None:
    with contextlib.suppress(AttemptFailed, CallerAtFault, TimeoutError):
        async with asyncio.timeout(CANCEL_MOST_S):
            await ask("POST", f"{path}/cancel")


def _is_over(told: bytes) -> bool:
    return _read(told).is_over


def _path(told: bytes) -> str:
    try:
        return _read(told).path
    except BadAnswer as problem:
        raise _invalid(problem) from problem


def _read(told: bytes) -> Prediction:
    try:
        return read_prediction(told)
    except BadAnswer as problem:
        raise _invalid(problem) from problem


def _invalid(problem: BadAnswer) -> AttemptFailed:
    return AttemptFailed(Failed(message=str(problem), code="upstream_invalid"), is_passing=True)
