"""One captured request: what is kept of it while it lasts, and the document that it becomes.

Keeping copies bytes and does nothing else; everything that takes time is done when the request is over.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from monoize.contract.captures import Capture, CapturedAttempt, Header, LeftOut, Message
from monoize.gateway.dialects import Dialect, spoken_to
from monoize.gateway.job import Job
from monoize.gateway.keys import shown_key
from monoize.gateway.protocol.urp import Done
from monoize.gateway.selection import Attempt
from monoize.gateway.sse import FrameReader
from monoize.gateway.upstream.answer import Answer

ATTEMPTS_MOST: Final = 16
FRAMES_MOST: Final = 4096
FRAME_MOST: Final = 256 * 2**10
REQUEST_MOST: Final = 16 * 2**20

_STREAM: Final = "text/event-stream"
_SECRET: Final = b"(secret)"
_SECRET_CHARS_LEAST: Final = 8
# Those that are known to be harmless: a header that nobody thought of may hold a secret.
_SHOWN: Final = frozenset(
    (
        "accept",
        "cache-control",
        "content-length",
        "content-type",
        "openai-beta",
        "openai-processing-ms",
        "openai-version",
        "request-id",
        "retry-after",
        "retry-after-ms",
        "user-agent",
        "x-request-id",
        "x-should-retry",
    )
)
_SHOWN_BEGIN: Final = ("anthropic-", "x-claude-code-", "x-monoize-", "x-ratelimit-", "x-stainless-")
_encoder: Final = msgspec.json.Encoder()

RawHeaders = Sequence[tuple[bytes, bytes]]


class Recording:
    """`grants_room` says how much of so many bytes there is memory for."""

    def __init__(self, job: Job, grants_room: Callable[[int], int]) -> None:
        self._grants_room = grants_room
        self.job = job
        self.size = 0
        self.bytes_left_out = 0
        self.attempts_left_out = 0
        self.attempts: list[_Attempt] = []
        self.asked = self._kept(job.body)
        self.told = bytearray()
        self.told_headers: RawHeaders = ()
        job.exchange.overheard_by(self._tells)

    def sent(self, attempt: Attempt, method: str, address: str, headers: RawHeaders, body: bytes) -> None:
        if len(self.attempts) >= ATTEMPTS_MOST:
            self.attempts_left_out += 1
            return
        # A query may hold a credential, and says nothing that the body and the protocol do not.
        self.attempts.append(_Attempt(attempt, method, address.partition("?")[0], headers, self._kept(body)))

    def heard(self, answer: Answer) -> None:
        """It has come to what was sent last, and is listened to while it is read."""
        if self.attempts_left_out:
            return
        last = self.attempts[-1]
        last.status, last.answer_headers = answer.status, answer.headers

        def keep(piece: bytes) -> None:
            last.came += self._kept(piece)

        answer.listener = keep

    def _tells(self, message: Mapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.told_headers = message["headers"]
        else:
            self.told += self._kept(message.get("body", b""))

    def _kept(self, data: bytes) -> bytes:
        room = self._grants_room(max(0, min(len(data), REQUEST_MOST - self.size)))
        self.size += room
        self.bytes_left_out += len(data) - room
        return data[:room]


class _Attempt:
    def __init__(self, attempt: Attempt, method: str, address: str, headers: RawHeaders, body: bytes) -> None:
        self.attempt = attempt
        self.method = method
        self.address = address
        self.headers = headers
        self.body = body
        # 0 while nothing has come.
        self.status = 0
        self.answer_headers: RawHeaders = ()
        self.came = bytearray()


def document_of(recording: Recording) -> bytes:
    job, exchange = recording.job, recording.job.exchange
    credentials = [each.attempt.channel.credential for each in recording.attempts]
    editor = _Editor([shown_key(exchange), *credentials], _redaction(job))
    path = editor.text(exchange.path.encode())
    asked = editor.message(exchange.headers.items(), recording.asked, method=exchange.method, address=path)
    attempts = [_captured(each, editor, job.dialect) for each in recording.attempts]
    told = editor.message(recording.told_headers, recording.told, job.dialect, status=exchange.status)
    understood = _understood(job, editor)
    left_out = LeftOut(
        attempts=recording.attempts_left_out,
        frames=editor.frames_left_out,
        bytes=recording.bytes_left_out + editor.bytes_left_out,
    )
    capture = Capture(
        request_id=exchange.request_id,
        at_ms=job.at_ms,
        user_id=job.grant.user_id,
        api_key_id=job.grant.key_id,
        protocol=job.dialect.name,
        asked=asked,
        understood=understood,
        attempts=attempts,
        told=told,
        log=job.charged.log if job.charged else None,
        left_out=left_out if left_out != LeftOut() else None,
    )
    return _encoder.encode(capture)


class _Editor:
    """Turns what was kept into what is read: harmless headers, texts without credentials, frames one by one.

    Where personal data has to go, a stream becomes the answer that it told: a value may lie in several frames.
    """

    def __init__(self, secrets: Iterable[str | None], redaction: Callable[[str], str] | None) -> None:
        self._redaction = redaction
        self._secrets = [text.encode() for text in secrets if text and len(text) >= _SECRET_CHARS_LEAST]
        self.frames_left_out = 0
        self.bytes_left_out = 0

    def message(
        self,
        headers: Iterable[tuple[bytes, bytes]],
        data: bytes | bytearray,
        dialect: Dialect | None = None,
        **about: Any,
    ) -> Message:
        shown = _shown(headers)
        if any(name == "content-type" and value.startswith(_STREAM) for name, value in shown):
            if self._redaction is None:
                return Message(headers=shown, frames=self._frames(bytes(data)), **about)
            data = _answer_of(bytes(data), dialect)
        return Message(headers=shown, body=self.text(data), **about)

    def text(self, data: bytes | bytearray) -> str:
        for secret in self._secrets:
            data = data.replace(secret, _SECRET)
        text = data.decode("utf-8", "backslashreplace")
        return self._redaction(text) if self._redaction else text

    def _frames(self, data: bytes) -> list[str]:
        reader = FrameReader()
        every = [frame.raw for frame in (*reader.feed(data), *reader.end())]
        shown = every[:FRAMES_MOST]
        self.frames_left_out += len(every) - len(shown)
        self.bytes_left_out += sum(max(0, len(raw) - FRAME_MOST) for raw in shown)
        # Whole first, so that no half of a credential is left where a frame is cut.
        return [self.text(raw)[:FRAME_MOST] for raw in shown]


def _redaction(job: Job) -> Callable[[str], str] | None:
    if job.grant.governed is None:
        return None
    # Dozens of patterns, for which no start has to wait.
    from monoize.gateway.govern.written import redaction

    return redaction(job.grant.governed)


def _answer_of(data: bytes, dialect: Dialect | None) -> bytes:
    """In the common language; empty where the stream does not tell it to its end."""
    if dialect is None or not dialect.is_conversation:
        return b""
    reader, decoder = FrameReader(), dialect.stream_decoder()
    for frame in (*reader.feed(data), *reader.end()):
        for event in decoder.feed(frame.event, frame.data) if frame.data is not None else ():
            if isinstance(event, Done):
                return _encoder.encode(event.response)
    return b""


def _captured(each: _Attempt, editor: _Editor, callers: Dialect) -> CapturedAttempt:
    address = editor.text(each.address.encode())
    sent = editor.message(each.headers, each.body, method=each.method, address=address)
    spoken = spoken_to(callers, each.attempt.type)
    came = editor.message(each.answer_headers, each.came, spoken, status=each.status) if each.status else None
    return CapturedAttempt(
        provider_id=each.attempt.provider.id,
        channel_id=each.attempt.channel.id,
        upstream_model=each.attempt.upstream_model,
        sent=sent,
        came=came,
    )


def _understood(job: Job, editor: _Editor) -> msgspec.Raw | None:
    """In the common language, where it was put into that; it is not done for this."""
    request = vars(job).get("request")
    if request is None:
        return None
    told = editor.text(_encoder.encode(request)).encode()
    return msgspec.Raw(told) if len(told) <= REQUEST_MOST else None


def _shown(headers: Iterable[tuple[bytes, bytes]]) -> list[Header]:
    found = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in headers]
    return [(name, value) for name, value in found if name in _SHOWN or name.startswith(_SHOWN_BEGIN)]
