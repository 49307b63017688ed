"""An answer that streams from a channel, for a caller who wants it whole.

Nothing of it was told before it is complete, so whatever breaks it leaves another channel to be tried.
"""

from monoize.gateway.attempts import AttemptFailed, failed_within
from monoize.gateway.dialects import Dialect, Seen, Watcher
from monoize.gateway.http_stream import broken, is_passing, no_stream
from monoize.gateway.job import Job
from monoize.gateway.protocol.urp import Done, Failed, Response, StreamEvent
from monoize.gateway.sse import Frame, FrameReader, FrameTooLarge
from monoize.gateway.upstream.client import Answer
from monoize.gateway.upstream.errors import UpstreamProblem


class Gathering:
    def __init__(self, job: Job, dialect: Dialect, answer: Answer) -> None:
        self._job = job
        self._dialect = dialect
        self._answer = answer
        self._decoder = dialect.stream_decoder()
        self._watcher: Watcher = dialect.watcher()
        self._response: Response | None = None
        self.seen: Seen = self._watcher

    async def response(self) -> Response:
        try:
            await self._read()
        except UpstreamProblem as problem:
            raise AttemptFailed(broken(problem.kind), is_passing=True) from problem
        except FrameTooLarge:
            raise AttemptFailed(broken("too_large"), is_passing=True) from None
        finally:
            await self._answer.release()
        assert self._response is not None, "a decoder says of every stream that it is done or that it failed"
        return self._response

    async def _read(self) -> None:
        if not (self._answer.header(b"content-type") or b"").startswith(b"text/event-stream"):
            raise await no_stream(self._job, self._dialect, self._answer)
        frames = FrameReader()
        while self._response is None and (chunk := await self._answer.next_chunk()):
            self._hear(frames.feed(chunk))
        self._hear(frames.end())
        self._take(self._decoder.end())

    def _hear(self, frames: list[Frame]) -> None:
        for frame in frames:
            if frame.data is not None:
                self._watcher.see(frame.event, frame.data)
                self._take(self._decoder.feed(frame.event, frame.data))

    def _take(self, events: list[StreamEvent]) -> None:
        for event in events:
            match event:
                case Done(response=response):
                    self._response = response
                case Failed():
                    failed = self.seen.error or event
                    raise failed_within(self._job, failed, is_passing=is_passing(failed))
