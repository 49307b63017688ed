"""An answer that streams from a channel: its frames pass as they are, or are told again in the caller's protocol.

Either way it is watched for its usage and for the proof that it is complete. One that ends without the proof is
told to be broken, never to be done.
"""

from collections.abc import AsyncIterator
from typing import Final

import msgspec

from monoize.gateway.attempts import CALLERS_FAULT, AttemptFailed, CallerAtFault, Piece, failed_within
from monoize.gateway.dialects import Dialect, Seen, Watcher
from monoize.gateway.job import Job
from monoize.gateway.protocol.urp import Failed
from monoize.gateway.sse import Frame, FrameReader, FrameTooLarge
from monoize.gateway.upstream.client import Answer
from monoize.gateway.upstream.errors import UpstreamProblem

ERROR_MOST: Final = 2**20
BAD_GATEWAY: Final = 502

_decoder: Final = msgspec.json.Decoder()


class HttpStream:
    def __init__(self, job: Job, dialect: Dialect, answer: Answer) -> None:
        self._job = job
        self._dialect = dialect
        self._answer = answer
        self._frames = FrameReader()
        self._watcher: Watcher = dialect.watcher()
        self._teller = _Verbatim(job, self._watcher) if _is_verbatim(job, dialect) else _Translator(job, dialect)
        self._source = self._read()
        self._before: list[Piece] = []
        self.seen: Seen = self._watcher
        self.protocol = dialect.name
        self.failure: Failed | None = None

    async def open(self) -> None:
        """Reads until the answer has really begun."""
        if not (self._answer.header(b"content-type") or b"").startswith(b"text/event-stream"):
            raise await self._no_stream()
        async for piece in self._source:
            self._before.append(piece)
            failed = self.failure or self.seen.error
            if failed is not None and not (_is_verbatim(self._job, self._dialect) and is_refusal(self.seen)):
                raise failed_within(self._job, failed, is_passing=_is_passing(failed))
            if self.seen.is_semantic or piece.is_end:
                return

    async def pieces(self) -> AsyncIterator[Piece]:
        before, self._before = self._before, []
        for piece in before:
            yield piece
        async for piece in self._source:
            yield piece

    async def close(self) -> None:
        await self._answer.release()

    async def _read(self) -> AsyncIterator[Piece]:
        try:
            async for frame in self._read_frames():
                if frame.data is not None:
                    self._watcher.see(frame.event, frame.data)
                data = self._teller.tell(frame)
                is_end = self._watcher.is_complete or self._watcher.error is not None
                if data or is_end:
                    yield Piece(data, is_end)
        except UpstreamProblem as problem:
            self.failure = _broken(problem.kind)
        except FrameTooLarge:
            self.failure = _broken("too_large")
        self.failure = self.failure or self.seen.error
        if self.failure is None and not self.seen.is_complete:
            self.failure = _broken("truncated")
        yield Piece(self._teller.end(self.failure), is_end=True)

    async def _read_frames(self) -> AsyncIterator[Frame]:
        while chunk := await self._answer.next_chunk():
            for frame in self._frames.feed(chunk):
                yield frame
        for frame in self._frames.end():
            yield frame

    async def _no_stream(self) -> AttemptFailed | CallerAtFault:
        """It may be an error, sent as JSON where a stream was asked for."""
        try:
            body = await self._answer.read(ERROR_MOST)
        except UpstreamProblem as problem:
            return AttemptFailed(_broken(problem.kind), is_passing=True)
        said = self._dialect.watch_response(body).error
        failed = said or Failed(message="The provider answered with what is no stream.", code="upstream_invalid")
        return failed_within(self._job, failed, is_passing=_is_passing(failed))


class _Verbatim:
    """For a caller who speaks the channel's protocol."""

    def __init__(self, job: Job, watcher: Watcher) -> None:
        self._job = job
        self._watcher = watcher
        self._hides_usage = job.adds_usage

    def tell(self, frame: Frame) -> bytes:
        return b"" if self._hides_usage and _is_usage_alone(frame.data) else frame.raw

    def end(self, failure: Failed | None) -> bytes:
        if failure is None or self._watcher.error is not None:
            # What the provider said of an error has passed already.
            return b""
        return told_failure(self._job, failure)


class _Translator:
    def __init__(self, job: Job, dialect: Dialect) -> None:
        self._job = job
        self._decoder = dialect.stream_decoder()
        self._encoder = job.dialect.encoder(job.naming, job.request, origin=dialect.name, array=job.array)

    def tell(self, frame: Frame) -> bytes:
        if frame.data is None:
            return b""
        return b"".join(map(self._encoder.encode, self._decoder.feed(frame.event, frame.data)))

    def end(self, failure: Failed | None) -> bytes:
        del failure  # The decoder knows by itself whether it has seen the end.
        return b"".join(map(self._encoder.encode, self._decoder.end()))


def told_failure(job: Job, failed: Failed) -> bytes:
    """The last event of a stream that breaks, in the caller's words."""
    return job.dialect.error_event(
        failed.status or BAD_GATEWAY,
        failed.code or "upstream_error",
        failed.message,
        request_id=job.exchange.request_id,
    )


def is_refusal(seen: Seen) -> bool:
    """Whether it is a complete answer that says why there is none. Who speaks its protocol understands it."""
    return seen.is_complete and seen.error is not None and seen.error.status in CALLERS_FAULT


def _is_verbatim(job: Job, dialect: Dialect) -> bool:
    return dialect is job.dialect and not job.array


def _is_usage_alone(data: bytes | None) -> bool:
    """The one frame more that a chat has when its usage was asked for."""
    if data is None or b'"usage"' not in data or b'"choices"' not in data:
        return False
    try:
        found = _decoder.decode(data)
    except msgspec.DecodeError:
        return False
    return isinstance(found, dict) and found.get("choices") == [] and bool(found.get("usage"))


def _is_passing(failed: Failed) -> bool:
    return failed.status is None or failed.status == 429 or failed.status >= 500


def _broken(kind: str) -> Failed:
    return Failed(
        message=f"The provider's answer broke off: {kind.replace('_', ' ')}.",
        code=f"upstream_{kind}",
        status=BAD_GATEWAY,
    )
