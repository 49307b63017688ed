"""One HTTP API of somebody's cloud: calls that are bounded in time and size, paced, repeated where that is safe.

The drivers for Fly and Hetzner speak through it. What is certain not to have been done (429, refused connections)
is asked again, as is whatever may be done twice; for the rest the caller looks first. A call never takes longer
than `CALL_WITHIN_S`, waiting included. What a provider says goes into the failure's message; what we sent never
does.
"""

import asyncio
import json
import random
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final, NamedTuple

import httpx2

from monoize.control.compute.model.machines import ProviderAway, ProviderRefused, RefusedFor

CALL_WITHIN_S: Final = 30.0
ATTEMPT_S: Final = 20.0
CONNECT_S: Final = 5.0
ANSWER_BYTES_MOST: Final = 16 * 2**20
FIRST_BACKOFF_S: Final = 0.5
_BACKOFF_MOST_S: Final = 8.0
ATTEMPTS_MOST: Final = 6
_CONNECTIONS_MOST: Final = 16


Params = Mapping[str, str | int]
_NONE: Final[Mapping[str, Any]] = {}


class Answer(NamedTuple):
    status: int
    body: Mapping[str, Any] | list[Any]

    @property
    def fields(self) -> Mapping[str, Any]:
        """Of an object; nothing of anything else."""
        return self.body if isinstance(self.body, Mapping) else {}


class Judged(NamedTuple):
    """What an error means: whether it may pass, and if not, what kind of refusal it is."""

    passing: bool
    reason: RefusedFor
    message: str


Judge = Callable[[Answer], Judged]


class Pace:
    """So many calls of one kind a second, with a few at once: waits rather than be turned away."""

    def __init__(self, per_second: float, burst: int) -> None:
        self._interval_s = 1 / per_second
        self._ahead_s = (burst - 1) * self._interval_s
        self._next_at = 0.0

    def reserve(self, now: float) -> float:
        """Seconds to wait for the turn that is taken now."""
        self._next_at = max(self._next_at, now - self._ahead_s) + self._interval_s
        return max(0.0, self._next_at - self._interval_s - now)


class Cloud:
    """`authorization` is the header's value. `judge` reads the provider's way of telling errors."""

    def __init__(
        self, provider: str, url: str, authorization: str, judge: Judge, first_backoff_s: float = FIRST_BACKOFF_S
    ) -> None:
        self._provider = provider
        self._url = url.rstrip("/")
        self._authorization = authorization
        self._judge = judge
        self._first_backoff_s = first_backoff_s
        self._opened: httpx2.AsyncClient | None = None

    async def call(
        self,
        method: str,
        path: str,
        *,
        params: Params = _NONE,
        body: Mapping[str, Any] | None = None,
        repeatable: bool = True,
        fine: frozenset[int] = frozenset(),
        pace: Pace | None = None,
        within_s: float = CALL_WITHIN_S,
        secret: str = "",
    ) -> Answer:
        """The answer, if it is a good one or its status is among `fine`; otherwise a failure of the Protocol.

        `secret` lies in the body, and does not come back in a message.
        """
        until = time.monotonic() + within_s
        attempt = 0
        while True:
            if pace is not None:
                await self._wait(pace.reserve(time.monotonic()), until, "too many calls for its limits")
            attempt += 1
            try:
                answer, retry_after_s = await self._once(method, path, params, body, until)
            except httpx2.HTTPError as problem:
                certain = isinstance(problem, httpx2.ConnectError | httpx2.ConnectTimeout)
                message = f"no answer ({type(problem).__name__})"
                if not (certain or repeatable) or attempt >= ATTEMPTS_MOST:
                    raise ProviderAway(self._provider, message) from problem
                retry_after_s = None
            else:
                if answer.status < HTTPStatus.MULTIPLE_CHOICES or answer.status in fine:
                    return answer
                failure = self.failure(answer, secret, retry_after_s)
                if isinstance(failure, ProviderRefused):
                    raise failure
                message = failure.message
                undone = answer.status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.LOCKED)
                if not (undone or repeatable) or attempt >= ATTEMPTS_MOST:
                    raise failure
            await self._wait(
                retry_after_s if retry_after_s is not None else self._backoff_s(attempt), until, message
            )

    def failure(
        self, answer: Answer, secret: str = "", retry_after_s: float | None = None
    ) -> ProviderAway | ProviderRefused:
        """What an answer means that is not good. Some providers repeat what they were sent."""
        passing, reason, message = self._judge(answer)
        for known in (self._authorization.split()[-1], secret):
            message = message.replace(known, "(secret)") if known else message
        if passing:
            return ProviderAway(self._provider, message, retry_after_s=retry_after_s)
        return ProviderRefused(self._provider, message, reason)

    async def close(self) -> None:
        if self._opened is not None:
            await self._opened.aclose()

    def _backoff_s(self, attempt: int) -> float:
        """Twice as long each time, and never in step with others."""
        longest = min(_BACKOFF_MOST_S, self._first_backoff_s * 2 ** (attempt - 1))
        return random.uniform(longest / 2, longest)  # noqa: S311

    async def _once(
        self, method: str, path: str, params: Params, body: Mapping[str, Any] | None, until: float
    ) -> tuple[Answer, float | None]:
        content = None if body is None else json.dumps(body).encode()
        # Bounded as a whole, too: an answer may come a byte at a time.
        patience = max(0.1, min(ATTEMPT_S, until - time.monotonic()))
        said = bytearray()
        try:
            async with (
                asyncio.timeout(patience),
                self._client().stream(
                    method, path, params=dict(params) or None, content=content, timeout=patience
                ) as told,
            ):
                async for chunk in told.aiter_bytes():
                    said += chunk
                    if len(said) > ANSWER_BYTES_MOST:
                        raise ProviderAway(self._provider, "its answer is too large")
        except TimeoutError as problem:
            raise httpx2.ReadTimeout("no whole answer in time") from problem
        return Answer(told.status_code, _parsed(bytes(said))), _retry_after_s(told.headers)

    async def _wait(self, wanted_s: float, until: float, message: str) -> None:
        """Longer than there is time is said to the caller, who comes again."""
        if time.monotonic() + wanted_s >= until:
            raise ProviderAway(self._provider, message, retry_after_s=wanted_s)
        await asyncio.sleep(wanted_s)

    def _client(self) -> httpx2.AsyncClient:
        # On first use: reading the certificate authorities takes time that a start does not have.
        if self._opened is None:
            self._opened = httpx2.AsyncClient(
                base_url=self._url,
                headers={
                    "authorization": self._authorization,
                    "accept": "application/json",
                    "content-type": "application/json",
                    "user-agent": "monoize",
                },
                timeout=httpx2.Timeout(ATTEMPT_S, connect=CONNECT_S),
                limits=httpx2.Limits(max_connections=_CONNECTIONS_MOST),
            )
        return self._opened


def _retry_after_s(headers: httpx2.Headers) -> float | None:
    """In seconds, as these APIs send it; a date is not expected."""
    text = headers.get("retry-after", "")
    return float(text) if text.isdecimal() and len(text) < 6 else None


def _parsed(said: bytes) -> Mapping[str, Any] | list[Any]:
    """What is not JSON says nothing: a gateway's error page, or an empty body."""
    try:
        parsed = json.loads(said) if said.strip() else {}
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict | list) else {}
