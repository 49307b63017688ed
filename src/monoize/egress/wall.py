"""The way up from the proxy: the control plane is asked over HTTP, signed, in the words of `contract/wall`.

Fails closed: whatever cannot be asked is `GrantsUnavailable`.
"""

from collections.abc import Callable
from typing import Final, TypeVar

import httpx2
import msgspec

from monoize.contract import wall
from monoize.contract.egress import EgressAsked, EgressGrant, EgressNews, Flush, FlushTaken
from monoize.contract.wall import Subject
from monoize.egress.errors import GrantsUnavailable

ANSWER_BYTES_MOST: Final = 1024 * 1024
TIMEOUT_S: Final = 10.0
CONNECT_S: Final = 2.0
CONNECTIONS_MOST: Final = 40

Answer = TypeVar("Answer")

_GRANT: Final[msgspec.msgpack.Decoder[EgressGrant | None]] = msgspec.msgpack.Decoder(EgressGrant | None)
_TAKEN: Final = msgspec.msgpack.Decoder(FlushTaken)
_NEWS: Final = msgspec.msgpack.Decoder(EgressNews)


class Wall:
    """`mac` makes the signature of a question, with the key that both sides have."""

    def __init__(self, control_url: str, mac: Callable[[bytes], str]) -> None:
        self._base = control_url.rstrip("/") + wall.PREFIX
        self._mac = mac
        # What is set for others on this computer must not lead us to a proxy, which may be ourselves.
        self._client = httpx2.AsyncClient(
            # Reading the authorities takes 50 ms of every start, and only https has a use for them.
            verify=control_url.startswith("https:"),
            timeout=httpx2.Timeout(TIMEOUT_S, connect=CONNECT_S),
            limits=httpx2.Limits(max_connections=CONNECTIONS_MOST, max_keepalive_connections=4),
            trust_env=False,
        )

    async def grant(self, asked: EgressAsked) -> EgressGrant | None:
        return _read(await self._ask("egress-grant", asked), _GRANT)

    async def take(self, flush: Flush) -> FlushTaken:
        return _read(await self._ask("egress-flush", flush), _TAKEN)

    async def news(self, mark: str) -> EgressNews:
        return _read(await self._ask("egress-news", mark), _NEWS)

    async def close(self) -> None:
        await self._client.aclose()

    async def _ask(self, subject: Subject, question: object) -> bytes:
        body = msgspec.msgpack.encode(question)
        at_ms = wall.now_ms()
        headers = {
            "content-type": "application/msgpack",
            wall.SIGNED_AT.decode(): str(at_ms),
            wall.SIGNATURE.decode(): self._mac(wall.signed(subject, at_ms, body)),
        }
        try:
            async with self._client.stream("POST", self._base + subject, content=body, headers=headers) as told:
                if told.status_code != 200:
                    raise GrantsUnavailable(f"The control plane answers {told.status_code}.")
                return await _bounded(told)
        except httpx2.HTTPError as problem:
            kind = type(problem).__name__
            raise GrantsUnavailable(f"The control plane does not answer: {kind}.") from problem


def _read(told: bytes, decoder: "msgspec.msgpack.Decoder[Answer]") -> Answer:
    try:
        return decoder.decode(told)
    except msgspec.DecodeError as problem:
        raise GrantsUnavailable("The control plane answers something else than was asked.") from problem


async def _bounded(told: httpx2.Response) -> bytes:
    parts, size = [], 0
    async for part in told.aiter_bytes():
        size += len(part)
        if size > ANSWER_BYTES_MOST:
            raise GrantsUnavailable("The control plane answers with more than was asked for.")
        parts.append(part)
    return b"".join(parts)
