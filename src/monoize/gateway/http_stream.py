"""An answer that streams from a channel: its frames pass as they are, or are told again in the caller's protocol.

Either way it is watched for its usage and for the proof that it is complete. One that ends without the proof is
told to be broken, never to be done.
"""

from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import Final

import msgspec

from monoize.base.errors import Refusal
from monoize.gateway.attempts import CALLERS_FAULT, AttemptFailed, CallerAtFault, Piece, Withheld, failed_within
from monoize.gateway.dialects import Dialect, Seen, Watcher
from monoize.gateway.job import Job
from monoize.gateway.protocol.urp import Failed, NodeDone, StreamEvent, ToolCall
from monoize.gateway.slices import AT_ONCE_MOST
from monoize.gateway.sse import Frame, FrameReader, FrameTooLarge
from monoize.gateway.transforms.passage import Passage
from monoize.gateway.transforms.retelling import calls_in, failure_of
from monoize.gateway.upstream.client import Answer
from monoize.gateway.upstream.errors import UpstreamProblem

ERROR_MOST: Final = 2**20
BAD_GATEWAY: Final = 502

_decoder: Final = msgspec.json.Decoder()


class HttpStream:
    """`passage` is None where it is passed on as it comes."""

    def __init__(self, job: Job, dialect: Dialect, answer: Answer, passage: Passage | None = None) -> None:
        self._job = job
        self._answer = answer
        self._dialect = dialect
        self._is_verbatim = passage is None or (dialect is job.dialect and not job.array and not passage.retells)
        self._presence = job.exchange.presence
        self._frames = FrameReader()
        self._watcher: Watcher = dialect.watcher()
        self._teller: _Verbatim | _Translator
        if passage is None or self._is_verbatim:
            self._teller = _Verbatim(job, self._watcher)
        else:
            self._teller = _Translator(job, dialect, passage)
        self._source = self._read()
        self._before: list[Piece] = []
        self._has_begun = False
        self.seen: Seen = self._watcher
        self.protocol = dialect.name
        self.failure: Failed | None = None

    async def open(self) -> None:
        """Reads until the answer has really begun."""
        if not (self._answer.header(b"content-type") or b"").startswith(b"text/event-stream"):
            raise await no_stream(self._job, self._dialect, self._answer)
        async for piece in self._source:
            self._before.append(piece)
            if self._teller.refusal is not None:
                raise Withheld(self._teller.refusal, self.seen, self.protocol)
            failed = self.failure or self.seen.error
            if failed is not None and not (self._is_verbatim and is_refusal(self.seen)):
                raise failed_within(self._job, failed, is_passing=is_passing(failed))
            if self.seen.is_semantic or piece.is_end:
                self._has_begun = True
                return

    async def pieces(self) -> AsyncIterator[Piece]:
        before, self._before = self._before, []
        for piece in before:
            yield piece
        if self._is_verbatim and self._presence is not None and self._answer.listener is None:
            self._answer.shortcut = self._passes
        async for piece in self._source:
            yield piece

    def _passes(self, chunk: bytes) -> bool:
        """Words go on as they come, where nothing waits before them: so goes nearly all of an answer."""
        presence, frame = self._presence, self._frames.whole(chunk)
        if presence is None or frame is None or not presence.takes_more():
            return False
        event, data = frame
        if data is None or not self._watcher.hears_words(event, data):
            return False
        presence.say_more(chunk)
        return True

    async def close(self) -> None:
        await self._answer.release()

    async def _read(self) -> AsyncIterator[Piece]:
        answer, exchange = self._answer, self._job.exchange
        try:
            while chunk := await (
                answer.next_chunk() if exchange.has_begun else exchange.waits_for(answer.next_chunk())
            ):
                for piece in await self._looked_through(self._frames.feed(chunk)):
                    yield piece
                    if piece.is_end and self._teller.refusal is not None:
                        return
            for piece in await self._looked_through(self._frames.end()):
                yield piece
        except UpstreamProblem as problem:
            self.failure = broken(problem.kind)
        except FrameTooLarge:
            self.failure = broken("too_large")
        self.failure = self.failure or self.seen.error
        if self.failure is None and not self.seen.is_complete:
            self.failure = broken("truncated")
        await self._job.expects(calls_in(self._teller.hear_end()))
        end = self._teller.end(self.failure)
        if self._teller.refusal is not None:
            self.failure = failure_of(self._teller.refusal)
        yield Piece(end, is_end=True)

    async def _looked_through(self, frames: Sequence[Frame]) -> Iterable[Piece]:
        """Where it is governed, calls are counted before they are told, and what takes long goes in slices."""
        heard = self._teller.hear(frames)
        if self._job.retold is None:
            return self._told(frames)
        await self._job.expects(calls_in(heard))
        size = sum(len(frame.raw) for frame in frames) + sum(map(_size_of_call, heard))
        if size <= AT_ONCE_MOST:
            return self._told(frames)
        return await self._job.unhurried(size, lambda: list(self._told(frames)))

    def _told(self, frames: Sequence[Frame]) -> Iterator[Piece]:
        """What came together goes on together, but for the end; until it has begun, frame by frame."""
        told: list[bytes] = []
        for frame in frames:
            if frame.data is not None:
                self._watcher.see(frame.event, frame.data)
            data = self._teller.tell(frame)
            if self._teller.refusal is not None:
                self.failure = failure_of(self._teller.refusal)
                yield Piece(b"".join((*told, data)), is_end=True)
                return
            if self._watcher.is_complete or self._watcher.error is not None:
                if told:
                    yield Piece(b"".join(told), is_end=False)
                    told = []
                yield Piece(data, is_end=True)
            elif data and self._has_begun:
                told.append(data)
            elif data:
                yield Piece(data, is_end=False)
        if told:
            yield Piece(told[0] if len(told) == 1 else b"".join(told), is_end=False)


class _Verbatim:
    """For a caller who speaks the channel's protocol."""

    refusal: Final = None

    def __init__(self, job: Job, watcher: Watcher) -> None:
        self._job = job
        self._watcher = watcher
        self._hides_usage = job.adds_usage

    def hear(self, frames: Sequence[Frame]) -> Sequence[StreamEvent]:
        return ()

    def hear_end(self) -> Sequence[StreamEvent]:
        return ()

    def tell(self, frame: Frame) -> bytes:
        return b"" if self._hides_usage and _is_usage_alone(frame.data) else frame.raw

    def end(self, failure: Failed | None) -> bytes:
        if failure is None or self._watcher.error is not None:
            # What the provider said of an error has passed already.
            return b""
        return told_failure(self._job, failure)


class _Translator:
    """Hears first and tells then: what is to come of it may have to be asked in between."""

    def __init__(self, job: Job, dialect: Dialect, passage: Passage) -> None:
        self._decoder = dialect.stream_decoder()
        # Of each frame that was heard and is not told yet.
        self._heard: deque[Sequence[StreamEvent]] = deque()
        self._last: Sequence[StreamEvent] = ()
        self._chain = passage.chain()
        self._encoder = passage.encoder(job, dialect)

    def hear(self, frames: Sequence[Frame]) -> Sequence[StreamEvent]:
        heard = [self._decoder.feed(frame.event, frame.data) if frame.data is not None else () for frame in frames]
        self._heard.extend(heard)
        return [event for events in heard for event in events]

    def hear_end(self) -> Sequence[StreamEvent]:
        self._last = self._decoder.end()
        return self._last

    def tell(self, frame: Frame) -> bytes:
        del frame  # They are told in the order in which they were heard.
        return self._told(self._heard.popleft())

    def end(self, failure: Failed | None) -> bytes:
        del failure  # The decoder knows by itself whether it has seen the end.
        return self._told(self._last)

    def _told(self, events: Iterable[StreamEvent]) -> bytes:
        feed = self._chain.feed if self._chain else lambda event: [event]
        return b"".join([self._encoder.encode(told) for event in events for told in feed(event)])

    @property
    def refusal(self) -> Refusal | None:
        """Why the answer may not go on: its caller has been told."""
        return self._chain.refusal if self._chain else None


async def no_stream(job: Job, dialect: Dialect, answer: Answer) -> AttemptFailed | CallerAtFault:
    """It may be an error, sent as JSON where a stream was asked for."""
    try:
        body = await answer.read(ERROR_MOST)
    except UpstreamProblem as problem:
        return AttemptFailed(broken(problem.kind), is_passing=True)
    said = dialect.watch_response(body).error
    failed = said or Failed(message="The provider answered with what is no stream.", code="upstream_invalid")
    return failed_within(job, failed, is_passing=is_passing(failed))


def told_failure(job: Job, failed: Failed) -> bytes:
    """The last event of a stream that breaks, in the caller's words."""
    return job.dialect.error_event(
        failed.status or BAD_GATEWAY,
        failed.code or "upstream_error",
        failed.message,
        request_id=job.exchange.request_id,
    )


def _size_of_call(event: StreamEvent) -> int:
    """Its arguments are looked through when it is whole, however small the pieces were in which they came."""
    return len(event.node.arguments) if isinstance(event, NodeDone) and isinstance(event.node, ToolCall) else 0


def is_refusal(seen: Seen) -> bool:
    """Whether it is a complete answer that says why there is none. Who speaks its protocol understands it."""
    return seen.is_complete and seen.error is not None and seen.error.status in CALLERS_FAULT


def _is_usage_alone(data: bytes | None) -> bool:
    """The one frame more that a chat has when its usage was asked for."""
    if data is None or b'"usage"' not in data or b'"choices"' not in data:
        return False
    try:
        found = _decoder.decode(data)
    except msgspec.DecodeError:
        return False
    return isinstance(found, dict) and found.get("choices") == [] and bool(found.get("usage"))


def is_passing(failed: Failed) -> bool:
    return failed.status is None or failed.status == 429 or failed.status >= 500


def broken(kind: str) -> Failed:
    return Failed(
        message=f"The provider's answer broke off: {kind.replace('_', ' ')}.",
        code=f"upstream_{kind}",
        status=BAD_GATEWAY,
    )
