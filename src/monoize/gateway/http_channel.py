"""Channels that are asked over HTTP, in their own protocol or the caller's."""

import functools
from collections.abc import Awaitable, Sequence
from typing import Final, NamedTuple

import msgspec

from monoize.base.urls import endpoint
from monoize.gateway import predictions
from monoize.gateway.attempts import (
    CALLERS_FAULT,
    AttemptFailed,
    CallerAtFault,
    Stream,
    Whole,
    at_fault,
    failed_within,
)
from monoize.gateway.dialects import (
    ANTHROPIC_VERSION,
    IMAGE_EDITS,
    IMAGES,
    REPLICATE,
    Dialect,
    Header,
    Seen,
    address,
    credential_headers,
    spoken_to,
)
from monoize.gateway.exchange import JSON_TYPE
from monoize.gateway.gathering import Gathering
from monoize.gateway.http_stream import HttpStream, is_refusal
from monoize.gateway.job import Job
from monoize.gateway.protocol.errors import BadAnswer, BadRequest
from monoize.gateway.protocol.images.form import Form
from monoize.gateway.protocol.images.request_out import images_of
from monoize.gateway.protocol.replicate.prediction import place_of
from monoize.gateway.protocol.urp import Failed, Json, Response
from monoize.gateway.selection import Attempt
from monoize.gateway.transforms.passage import Passage, passage_of, passes_as_it_is
from monoize.gateway.upstream.client import Answer, Client
from monoize.gateway.upstream.errors import UpstreamProblem
from monoize.gateway.upstream.outside import Outside
from monoize.gateway.upstream.request import begun_head, ended_head
from monoize.gateway.upstream.target import Target
from monoize.gateway.whole_stream import WholeStream

ANSWER_MOST: Final = 64 * 2**20
ERROR_MOST: Final = 2**20
USER_AGENT: Final = b"monoize"
GOOD: Final = frozenset((200, 201, 202))
PASSING: Final = frozenset((408, 409, 425, 429))
GATEWAY_TIMEOUT: Final = 504
WAYS_MOST: Final = 1_024

_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder()


class _Way(NamedTuple):
    """How a channel is asked: all of it that no request changes."""

    target: Target
    method: str
    address: str
    headers: Sequence[Header]
    head: bytes


class HttpChannels:
    def __init__(self, client: Client, outside: Outside | None = None) -> None:
        self._client = client
        self._outside = outside or Outside(client)

    async def whole(self, job: Job, attempt: Attempt) -> Whole:
        dialect = _dialect_of(job, attempt)
        if passes_as_it_is(job, attempt, dialect):
            answer = await self._pass(job, attempt, dialect)
            body = await _whole_of(job, answer)
            return Whole(body, answer.header(b"content-type") or JSON_TYPE, _seen(job, dialect, body), dialect.name)
        passage = await passage_of(job, attempt, dialect, self._outside.fetch)
        if passage.stream and dialect.is_conversation:
            return await self._gathered(job, attempt, dialect, passage)
        body, content_type = await self._read(job, attempt, dialect, passage)
        return await _as_whole(job, dialect, body, content_type, passage)

    async def stream(self, job: Job, attempt: Attempt) -> Stream:
        dialect = _dialect_of(job, attempt)
        if dialect.is_conversation and passes_as_it_is(job, attempt, dialect):
            return await _opened(HttpStream(job, dialect, await self._pass(job, attempt, dialect)))
        passage = await passage_of(job, attempt, dialect, self._outside.fetch)
        if not (dialect.is_conversation and passage.stream):
            body, _ = await self._read(job, attempt, dialect, passage)
            seen = _seen(job, dialect, body)
            response = await passage.heard(job, _understood(dialect, body), seen, dialect.name, size=len(body))
            return WholeStream(passage.encoder(job, dialect), response, seen, dialect.name)
        return await _opened(HttpStream(job, dialect, await self._send(job, attempt, dialect, passage), passage))

    async def _gathered(self, job: Job, attempt: Attempt, dialect: Dialect, passage: Passage) -> Whole:
        """A stream, for a caller who wants it whole."""
        gathering = Gathering(job, dialect, await self._send(job, attempt, dialect, passage))
        response = await job.exchange.waits_for(gathering.response())
        seen = gathering.seen
        response = await passage.heard(job, response, seen, dialect.name, size=seen.output_chars)
        return _written(job, dialect, response, seen, passage)

    async def _read(self, job: Job, attempt: Attempt, dialect: Dialect, passage: Passage) -> tuple[bytes, bytes]:
        """(a whole answer, its type)"""
        if dialect is REPLICATE:
            return await self._predicted(job, attempt, passage), JSON_TYPE
        answer = await self._send(job, attempt, dialect, passage)
        return await _whole_of(job, answer), answer.header(b"content-type") or JSON_TYPE

    def _pass(self, job: Job, attempt: Attempt, dialect: Dialect) -> Awaitable[Answer]:
        """To a channel that speaks as the caller does, in the caller's words."""
        model = attempt.upstream_model
        way = _way(dialect, attempt, model, job.content_type, stream=job.facts.stream)
        return self._ask(job, attempt, dialect, way, job.own_words(model))

    async def _send(self, job: Job, attempt: Attempt, dialect: Dialect, passage: Passage) -> Answer:
        body, content_type = _request_body(job, dialect, passage)
        way = _way(dialect, attempt, passage.model, content_type, stream=passage.stream)
        return await self._ask(job, attempt, dialect, way, body)

    async def _predicted(self, job: Job, attempt: Attempt, passage: Passage) -> bytes:
        place = place_of(passage.model)
        if place is None:
            failed = Failed(message="Replicate names no model like that.", code="channel_model_unfit")
            raise AttemptFailed(failed, is_passing=False)
        asked, content_type = _request_body(job, REPLICATE, passage)
        headers = _standing_headers(REPLICATE, attempt, content_type)

        async def ask(method: str, path: str, body: bytes = b"", *more: Header) -> bytes:
            way = _way_to(endpoint(attempt.channel.base_url, path), method, (*headers, *more))
            return await _whole_of(job, await self._ask(job, attempt, REPLICATE, way, body))

        patience_s = attempt.provider.timeouts.first_byte_ms / 1000
        return await predictions.ended(job.exchange, ask, place, asked, patience_s=patience_s)

    async def _ask(self, job: Job, attempt: Attempt, dialect: Dialect, way: _Way, body: bytes) -> Answer:
        """The head of a good answer; its body is still to come."""
        headers = _own_headers(job, dialect)
        if job.witness is not None:
            job.witness.sent(attempt, way.method, way.address, (*way.headers, *headers), body)
        head = ended_head(way.head, way.method, headers, len(body))
        sent = self._client.send_head(way.target, head, body, attempt.provider.timeouts, leaving=job.leaving)
        try:
            answer = await job.exchange.waits_for(sent)
            if job.witness is not None:
                job.witness.heard(answer)
            if answer.status in GOOD:
                return answer
            try:
                refusal = await answer.read(ERROR_MOST)
            finally:
                await answer.release()
        except UpstreamProblem as problem:
            raise no_answer(problem) from problem
        raise _refused(job, dialect, answer, refusal)


async def _whole_of(job: Job, answer: Answer) -> bytes:
    try:
        return await job.exchange.waits_for(answer.read(ANSWER_MOST))
    except UpstreamProblem as problem:
        raise no_answer(problem) from problem
    finally:
        await answer.release()


def no_answer(problem: UpstreamProblem) -> AttemptFailed:
    failed = Failed(
        message=f"The provider did not answer: {problem.kind.replace('_', ' ')}.",
        code=f"upstream_{problem.kind}",
        status=GATEWAY_TIMEOUT if problem.kind.startswith("timeout") else None,
    )
    return AttemptFailed(failed, is_passing=True)


def _dialect_of(job: Job, attempt: Attempt) -> Dialect:
    dialect = spoken_to(job.dialect, attempt.type)
    if dialect is None:
        message = f"Channels of the type {attempt.type} do not serve such requests."
        raise AttemptFailed(Failed(message=message, code="channel_type_unfit"), is_passing=False)
    if dialect is IMAGES and dialect is not job.dialect and images_of(job.request):
        return IMAGE_EDITS
    return dialect


@functools.lru_cache(WAYS_MOST)
def _way(dialect: Dialect, attempt: Attempt, model: str, content_type: bytes, *, stream: bool) -> _Way:
    where = address(dialect, attempt.channel.base_url, model, stream=stream)
    return _way_to(where, "POST", _standing_headers(dialect, attempt, content_type))


def _way_to(where: str, method: str, headers: Sequence[Header]) -> _Way:
    target, path = Target.of(where)
    return _Way(target, method, target.origin + path, headers, begun_head(target, method, path, headers))


def _standing_headers(dialect: Dialect, attempt: Attempt, content_type: bytes) -> Sequence[Header]:
    return (
        (b"content-type", content_type),
        (b"user-agent", USER_AGENT),
        *credential_headers(dialect, attempt.channel.credential),
    )


def _own_headers(job: Job, dialect: Dialect) -> Sequence[Header]:
    headers = job.trace.headers
    if dialect.name == "messages":
        told = job.told_anthropic if dialect is job.dialect else []
        headers += told
        if not any(name == b"anthropic-version" for name, _ in told):
            headers.append((b"anthropic-version", ANTHROPIC_VERSION))
    return headers


async def _opened(stream: HttpStream) -> HttpStream:
    try:
        await stream.open()
    except BaseException:
        await stream.close()
        raise
    return stream


def _request_body(job: Job, dialect: Dialect, passage: Passage) -> tuple[bytes, bytes]:
    """(a body, its type)"""
    if dialect is job.dialect and passage.request is None:
        words = job.own_words(passage.model)
        return (passage.sent_words(words) if passage.edits else words), job.content_type
    request = passage.request or job.request
    try:
        wire = dialect.encode_request(request, model=passage.model, stream=passage.stream)
    except BadRequest as problem:
        # What the protocol of this channel cannot say, that of another may.
        failed = Failed(message=problem.message, code=problem.code or "invalid_request", status=400)
        raise AttemptFailed(failed, is_passing=False, param=problem.param) from problem
    if isinstance(wire, Form):
        return wire.body, wire.content_type
    return _encoder.encode(passage.sent(wire)), JSON_TYPE


async def _as_whole(job: Job, dialect: Dialect, body: bytes, content_type: bytes, passage: Passage) -> Whole:
    seen = _seen(job, dialect, body)
    if dialect is job.dialect and not passage.retells:
        return Whole(body, content_type, seen, dialect.name)
    response = await passage.heard(job, _understood(dialect, body), seen, dialect.name, size=len(body))
    return _written(job, dialect, response, seen, passage)


def _written(job: Job, dialect: Dialect, response: Response, seen: Seen, passage: Passage) -> Whole:
    try:
        told = job.dialect.written(response, job.naming, job.request)
    except BadAnswer as problem:
        raise _invalid(problem) from problem
    return Whole(_encoder.encode(passage.told(told)), JSON_TYPE, seen, dialect.name)


def _seen(job: Job, dialect: Dialect, body: bytes) -> Seen:
    """Of what is an answer."""
    seen = dialect.watch_response(body)
    if seen.error is not None and not (dialect is job.dialect and is_refusal(seen)):
        raise failed_within(job, seen.error, is_passing=False)
    if dialect is job.dialect and not (seen.is_semantic or seen.is_complete):
        # A page of HTML with the status 200 is no answer.
        raise _invalid(BadAnswer("The provider answered with something else than an answer."))
    return seen


def _understood(dialect: Dialect, body: bytes) -> Response:
    try:
        return dialect.decode_response(_object(body))
    except BadAnswer as problem:
        raise _invalid(problem) from problem


def _invalid(problem: BadAnswer) -> AttemptFailed:
    return AttemptFailed(Failed(message=str(problem), code="upstream_invalid"), is_passing=True)


def _object(body: bytes) -> Json:
    try:
        found = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadAnswer("The provider's answer is not JSON.") from None
    if not isinstance(found, dict):
        raise BadAnswer("The provider's answer is not a JSON object.")
    return found


def _refused(job: Job, dialect: Dialect, answer: Answer, body: bytes) -> Exception:
    failed = msgspec.structs.replace(dialect.read_error(answer.status, body), status=answer.status)
    if answer.status in CALLERS_FAULT:
        if dialect is not job.dialect:
            return at_fault(job, failed, answer.status)
        content_type = answer.header(b"content-type") or JSON_TYPE
        return CallerAtFault(failed, status=answer.status, body=body, content_type=content_type)
    is_passing = answer.status in PASSING or answer.status >= 500
    return AttemptFailed(failed, is_passing=is_passing, retry_after_s=_retry_after_s(answer))


def _retry_after_s(answer: Answer) -> float | None:
    for name, unit_s in ((b"retry-after-ms", 0.001), (b"retry-after", 1.0)):
        value = (answer.header(name) or b"").strip()
        if value.isdigit() and len(value) < 9:
            return int(value) * unit_s
    return None
