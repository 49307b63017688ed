"""One plain HTTP request through the proxy: its head rewritten, its body and its answer passed on as they come.

Both bodies stream, and at the same time, since a target may answer before it has read everything. What is wrong
with an answer before its head went on is a Refusal; after that the client's connection ends early, so that nobody
takes half an answer for a whole one.
"""

import asyncio
from typing import Final, NamedTuple

from monoize.egress import heads
from monoize.egress.bodies import CHUNKED, LAST_CHUNK, NO_BODY, UNTIL_CLOSE, Framing, Length, body_of, chunk
from monoize.egress.errors import HeadTooLarge, TargetTimeout, TargetUnreachable
from monoize.egress.heads import Answer, Field, Request
from monoize.egress.targets import HTTP_PORT, Target
from monoize.egress.tunnel import IDLE_S
from monoize.egress.wire import Wire

INTERIM_MOST: Final = 16
SAFE_TO_REPEAT: Final = frozenset((b"GET", b"HEAD", b"OPTIONS"))


class Outgoing(NamedTuple):
    """A request as it goes out. `via` is what this proxy is called."""

    request: Request
    framing: Framing
    target: Target
    path: bytes
    via: bytes

    @property
    def can_repeat(self) -> bool:
        return self.request.method in SAFE_TO_REPEAT and self.framing == NO_BODY

    def head(self) -> bytes:
        host = self.target.authority.removesuffix(f":{HTTP_PORT}").encode()
        if ":" in self.target.host and self.target.port == HTTP_PORT:
            host = f"[{self.target.host}]".encode()
        passed = [field for field in heads.end_to_end(self.request.fields) if field[0] != b"host"]
        fields: list[Field] = [(b"host", host), *passed, *_framed(self.framing), (b"via", self.via)]
        if isinstance(self.framing, Length) and _says_length(self.request):
            fields.append((b"content-length", b"%d" % self.framing.size))
        return heads.written(b"%b %b HTTP/1.1" % (self.request.method, self._path), fields)

    @property
    def _path(self) -> bytes:
        # Of the server as a whole, as it is asked for through a proxy.
        is_asterisk = self.request.method == b"OPTIONS" and self.request.target.count(b"/") == 2
        return b"*" if is_asterisk and self.path == b"/" else self.path


class Gone(Exception):
    """The target closed a connection that had been used before, without having answered."""


class Forward:
    """After `run` it is known which of both connections may carry the next request."""

    def __init__(self, outgoing: Outgoing, client: Wire, target: Wire) -> None:
        self.client_keeps_open = False
        self.target_keeps_open = False
        self._outgoing = outgoing
        self._client = client
        self._target = target
        self._is_sent = False

    async def run(self, *, is_reused: bool) -> None:
        out = self._outgoing
        try:
            async with asyncio.timeout(IDLE_S):
                await self._target.write(out.head())
        except ConnectionError:
            raise (Gone if is_reused else TargetUnreachable) from None
        if out.framing == NO_BODY:
            self._is_sent = True
            await self._answer(is_reused=is_reused)
            return
        sending = asyncio.get_running_loop().create_task(self._send_body())
        try:
            await self._answer(is_reused=False)
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            self.client_keeps_open &= self._is_sent
            self.target_keeps_open &= self._is_sent

    async def _send_body(self) -> None:
        out, body = self._outgoing, body_of(self._outgoing.framing)
        try:
            while not body.is_over:
                async with asyncio.timeout(IDLE_S):
                    data = await self._client.read()
                if not data:
                    raise ConnectionResetError
                for piece in body.feed(data):
                    async with asyncio.timeout(IDLE_S):
                        await self._target.write(chunk(piece) if out.framing == CHUNKED else piece)
            if out.framing == CHUNKED:
                await self._target.write(LAST_CHUNK)
        except ConnectionError:
            # Of the target: what it has answered already may still come.
            if not self._target.is_over:
                self._target.abort()
        except (ValueError, TimeoutError):
            # Half a request is none: the target must not take it for whole.
            self._target.abort()
        else:
            self._client.unread(body.rest)
            self._is_sent = True

    async def _answer(self, *, is_reused: bool) -> None:
        out = self._outgoing
        try:
            answer = await self._final_head(is_reused=is_reused)
            framing = heads.answer_framing(answer, out.request.method)
        except ValueError as problem:
            raise TargetUnreachable(f"{out.target.authority} does not speak HTTP: {problem}.") from None
        except HeadTooLarge:
            raise TargetUnreachable(f"{out.target.authority} answers with too large a head.") from None
        is_modern = out.request.version == 1
        says_end = isinstance(framing, Length) or is_modern
        keeps_open = out.request.keeps_open and says_end
        await self._write(self._answer_head(answer, framing, keeps_open=keeps_open))
        body = body_of(framing)
        try:
            while not body.is_over:
                async with asyncio.timeout(IDLE_S):
                    data = await self._target.read()
                if not data:
                    break
                for piece in body.feed(data):
                    await self._write(piece if isinstance(framing, Length) or not is_modern else chunk(piece))
        except (ValueError, TimeoutError):
            raise ConnectionAbortedError from None
        if not body.is_over and (framing != UNTIL_CLOSE or self._target.is_broken):
            raise ConnectionAbortedError
        if is_modern and not isinstance(framing, Length):
            await self._write(LAST_CHUNK)
        self.client_keeps_open = keeps_open
        self.target_keeps_open = answer.keeps_open and body.is_over and not body.rest and self._target.is_quiet

    async def _final_head(self, *, is_reused: bool) -> Answer:
        out = self._outgoing
        for _ in range(INTERIM_MOST):
            try:
                async with asyncio.timeout(IDLE_S):
                    head = await self._target.head(heads.HEAD_BYTES_MOST)
            except TimeoutError:
                raise TargetTimeout(f"{out.target.authority} does not answer.") from None
            if head is None:
                if is_reused and not self._target.has_received:
                    raise Gone
                raise TargetUnreachable(f"{out.target.authority} ended without an answer.")
            answer = heads.read_answer(head)
            if answer.status == 101:
                raise ValueError("it changes to a protocol that nobody asked for")
            if answer.status >= 200:
                return answer
            if out.request.version == 1:
                await self._write(self._answer_head(answer, NO_BODY, keeps_open=True))
        raise ValueError("it only says that it will answer")

    def _answer_head(self, answer: Answer, framing: Framing, *, keeps_open: bool) -> bytes:
        out = self._outgoing
        fields = [*heads.end_to_end(answer.fields), (b"via", out.via)]
        said = heads.first(answer.fields, b"content-length")
        if framing == NO_BODY:
            # Of what there would be, were it asked for in another way.
            fields += [(b"content-length", said)] if said is not None and answer.status >= 200 else []
        elif isinstance(framing, Length):
            fields.append((b"content-length", b"%d" % framing.size))
        elif out.request.version == 1:
            fields += _framed(CHUNKED)
        if answer.status >= 200:
            fields.append((b"connection", b"keep-alive" if keeps_open else b"close"))
        return heads.written(b"HTTP/1.1 %d %b" % (answer.status, answer.reason), fields)

    async def _write(self, data: bytes) -> None:
        async with asyncio.timeout(IDLE_S):
            await self._client.write(data)


def _framed(framing: Framing) -> list[Field]:
    return [(b"transfer-encoding", b"chunked")] if framing == CHUNKED else []


def _says_length(request: Request) -> bool:
    return heads.first(request.fields, b"content-length") is not None
