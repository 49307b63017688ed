"""One bounded JSON call to a foreign system: in time, in size, and without following it anywhere."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import httpx2

from monoize.control.fleet.model import json_text
from monoize.infra.tls import authorities

ANSWER_BYTES_MOST: Final = 262_144
_HEADERS: Final = {"accept": "application/json", "content-type": "application/json", "accept-encoding": "identity"}
_NO_HEADERS: Final[Mapping[str, str]] = {}


class NoAnswer(Exception):
    """It did not answer, or not with an object of JSON."""


async def ask(url: str, body: Mapping[str, Any], *, within_s: float) -> tuple[int, Mapping[str, Any]]:
    """(status, object) of a POST. NoAnswer does not say what was sent: it may be a secret."""
    # Written by us, since a document holds numbers that no other writer leaves as they are.
    status, said = await _call("POST", url, json_text.write(body).encode(), within_s)
    try:
        answer = json_text.read(said)
    except ValueError as problem:
        raise NoAnswer(f"its answer {problem}") from problem
    if not isinstance(answer, Mapping):
        raise NoAnswer("its answer is not an object")
    return status, answer


async def fetch(url: str, headers: Mapping[str, str], *, within_s: float) -> tuple[int, bytes]:
    """(status, body) of a GET, whatever the body is."""
    return await _call("GET", url, None, within_s, headers)


async def ping(url: str, *, within_s: float) -> None:
    """Whether anybody answers there at all."""
    await _call("GET", url, None, within_s)


async def _call(
    method: str, url: str, content: bytes | None, within_s: float, headers: Mapping[str, str] = _NO_HEADERS
) -> tuple[int, bytes]:
    try:
        async with (
            asyncio.timeout(within_s),
            httpx2.AsyncClient(verify=authorities(), timeout=within_s) as client,
            client.stream(method, url, content=content, headers={**_HEADERS, **headers}) as answer,
        ):
            said = bytearray()
            async for chunk in answer.aiter_bytes():
                said += chunk
                if len(said) > ANSWER_BYTES_MOST:
                    raise NoAnswer("its answer is too large")
            return answer.status_code, bytes(said)
    except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, OSError) as problem:
        raise NoAnswer(type(problem).__name__) from problem
