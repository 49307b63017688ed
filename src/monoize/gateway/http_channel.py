"""Channels that are asked over HTTP, in their own protocol or the caller's."""

from collections.abc import Sequence
from typing import Final

import msgspec

from monoize.gateway.attempts import CALLERS_FAULT, AttemptFailed, CallerAtFault, Whole, at_fault, failed_within
from monoize.gateway.dialects import ANTHROPIC_VERSION, OF_CHANNEL, Dialect, Header, address, credential_headers
from monoize.gateway.exchange import JSON_TYPE
from monoize.gateway.http_stream import HttpStream, is_refusal
from monoize.gateway.job import Job
from monoize.gateway.protocol.errors import BadAnswer, BadRequest
from monoize.gateway.protocol.urp import Failed, Json
from monoize.gateway.selection import Attempt
from monoize.gateway.upstream.client import Answer, Client
from monoize.gateway.upstream.errors import UpstreamProblem
from monoize.gateway.upstream.target import Target

ANSWER_MOST: Final = 64 * 2**20
ERROR_MOST: Final = 2**20
USER_AGENT: Final = b"monoize"
PASSING: Final = frozenset((408, 409, 425, 429))
GATEWAY_TIMEOUT: Final = 504

_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder()


class HttpChannels:
    def __init__(self, client: Client) -> None:
        self._client = client

    async def whole(self, job: Job, attempt: Attempt) -> Whole:
        dialect = _dialect_of(attempt)
        answer = await self._send(job, attempt, dialect)
        try:
            body = await answer.read(ANSWER_MOST)
        except UpstreamProblem as problem:
            raise no_answer(problem) from problem
        finally:
            await answer.release()
        return _as_whole(job, dialect, body, answer.header(b"content-type") or JSON_TYPE)

    async def stream(self, job: Job, attempt: Attempt) -> HttpStream:
        dialect = _dialect_of(attempt)
        stream = HttpStream(job, dialect, await self._send(job, attempt, dialect))
        try:
            await stream.open()
        except BaseException:
            await stream.close()
            raise
        return stream

    async def _send(self, job: Job, attempt: Attempt, dialect: Dialect) -> Answer:
        """The head of a good answer; its body is still to come."""
        where = address(dialect, attempt.channel.base_url, attempt.upstream_model, stream=job.facts.stream)
        target, path = Target.of(where)
        headers = _headers(job, dialect, attempt)
        body = _request_body(job, dialect, attempt)
        try:
            answer = await self._client.send(target, "POST", path, headers, body, attempt.provider.timeouts)
            if answer.status == 200:
                return answer
            try:
                refusal = await answer.read(ERROR_MOST)
            finally:
                await answer.release()
        except UpstreamProblem as problem:
            raise no_answer(problem) from problem
        raise _refused(job, dialect, answer, refusal)


def no_answer(problem: UpstreamProblem) -> AttemptFailed:
    failed = Failed(
        message=f"The provider did not answer: {problem.kind.replace('_', ' ')}.",
        code=f"upstream_{problem.kind}",
        status=GATEWAY_TIMEOUT if problem.kind.startswith("timeout") else None,
    )
    return AttemptFailed(failed, is_passing=True)


def _dialect_of(attempt: Attempt) -> Dialect:
    dialect = OF_CHANNEL.get(attempt.type)
    if dialect is None:
        message = f"Channels of the type {attempt.type} do not serve such requests."
        raise AttemptFailed(Failed(message=message, code="channel_type_unfit"), is_passing=False)
    return dialect


def _headers(job: Job, dialect: Dialect, attempt: Attempt) -> Sequence[Header]:
    headers = [(b"content-type", JSON_TYPE), (b"user-agent", USER_AGENT)]
    if dialect.name == "messages":
        told = job.told_anthropic if dialect is job.dialect else []
        headers += told
        if not any(name == b"anthropic-version" for name, _ in told):
            headers.append((b"anthropic-version", ANTHROPIC_VERSION))
    return headers + credential_headers(dialect, attempt.channel.credential)


def _request_body(job: Job, dialect: Dialect, attempt: Attempt) -> bytes:
    if dialect is job.dialect:
        return job.own_words(attempt.upstream_model)
    try:
        wire = dialect.encode_request(job.request, model=attempt.upstream_model, stream=job.facts.stream)
    except BadRequest as problem:
        # What the protocol of this channel cannot say, that of another may.
        failed = Failed(message=problem.message, code=problem.code or "invalid_request", status=400)
        raise AttemptFailed(failed, is_passing=False, param=problem.param) from problem
    return _encoder.encode(wire)


def _as_whole(job: Job, dialect: Dialect, body: bytes, content_type: bytes) -> Whole:
    seen = dialect.watch_response(body)
    if seen.error is not None and not (dialect is job.dialect and is_refusal(seen)):
        raise failed_within(job, seen.error, is_passing=False)
    try:
        if dialect is job.dialect:
            if not (seen.is_semantic or seen.is_complete):
                # A page of HTML with the status 200 is no answer.
                raise BadAnswer("The provider answered with something else than an answer.")
            return Whole(body, content_type, seen, dialect.name)
        response = dialect.decode_response(_object(body))
    except BadAnswer as problem:
        failed = Failed(message=str(problem), code="upstream_invalid")
        raise AttemptFailed(failed, is_passing=True) from problem
    told = job.dialect.written(response, job.naming, job.request)
    return Whole(_encoder.encode(told), JSON_TYPE, seen, dialect.name)


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
