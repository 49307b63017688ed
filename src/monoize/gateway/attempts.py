"""What comes of trying a channel: an answer, whole or as a stream, or one of two kinds of failure.

An attempt is open once its answer has really begun: with a whole body, or with the first event of a stream that
means something. Until then it may fail and another one be tried; from then on it is the answer.
"""

from collections.abc import AsyncIterator
from typing import Final, NamedTuple, Protocol

import msgspec

from monoize.base.errors import Refusal
from monoize.gateway.dialects import Seen
from monoize.gateway.exchange import JSON_TYPE
from monoize.gateway.job import Job
from monoize.gateway.protocol import urp
from monoize.gateway.protocol.urp import Failed

CALLERS_FAULT: Final = frozenset((400, 413, 422))

_encoder: Final = msgspec.json.Encoder()


class AttemptFailed(Exception):
    """This channel did not answer. `is_passing`: the same request may work there in a moment. `param` is what of
    the request this channel's protocol cannot say.
    """

    def __init__(
        self, failed: Failed, *, is_passing: bool, retry_after_s: float | None = None, param: str | None = None
    ) -> None:
        super().__init__(failed.message)
        self.failed = failed
        self.is_passing = is_passing
        self.retry_after_s = retry_after_s
        self.param = param


class CallerAtFault(Exception):
    """The provider refuses the request itself: nobody else is asked, and its words go to the caller."""

    def __init__(self, failed: Failed, *, status: int, body: bytes, content_type: bytes) -> None:
        super().__init__(failed.message)
        self.failed = failed
        self.status = status
        self.body = body
        self.content_type = content_type


class Withheld(Exception):
    """An answer has come that may not be passed on. What it used was used all the same."""

    def __init__(self, refusal: Refusal, seen: Seen, protocol: urp.Protocol) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal
        self.seen = seen
        self.protocol = protocol


def at_fault(job: Job, failed: Failed, status: int) -> CallerAtFault:
    """In the caller's own words."""
    request_id = job.exchange.request_id
    told = job.dialect.error_body(status, failed.code or "invalid_request", failed.message, request_id=request_id)
    return CallerAtFault(failed, status=status, body=_encoder.encode(told), content_type=JSON_TYPE)


def failed_within(job: Job, failed: Failed, *, is_passing: bool) -> AttemptFailed | CallerAtFault:
    """What an answer says that has the status of a success and is none."""
    if failed.status in CALLERS_FAULT:
        return at_fault(job, failed, failed.status)
    return AttemptFailed(failed, is_passing=is_passing)


class Whole(msgspec.Struct, frozen=True):
    """An answer in one piece, in the caller's protocol; what was seen of it is in the channel's."""

    body: bytes
    content_type: bytes
    seen: Seen
    protocol: urp.Protocol


async def looked_through(job: Job, whole: Whole) -> Whole:
    """As it may be told, where its content is judged in its own words: it is no conversation."""
    reread = job.reread
    if reread is None:
        return whole
    try:
        return msgspec.structs.replace(whole, body=await job.unhurried(len(whole.body), lambda: reread(whole.body)))
    except Refusal as refusal:
        raise Withheld(refusal, whole.seen, whole.protocol) from refusal


class Piece(NamedTuple):
    """Some bytes for the caller. From the first with `is_end` on they wait until the money is settled."""

    data: bytes
    is_end: bool


class Stream(Protocol):
    """An answer that is under way. Whoever has it closes it."""

    seen: Seen
    protocol: urp.Protocol
    # Why it broke off after it had begun; the caller was told in its last piece.
    failure: Failed | None

    def pieces(self) -> AsyncIterator[Piece]: ...

    async def close(self) -> None: ...
