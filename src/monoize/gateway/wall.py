"""The way up from a data plane in a process of its own: the control plane is asked over HTTP.

Fails closed: whatever cannot be asked is `ControlUnreachable`. The last snapshot stays in force.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import msgspec

from monoize.base.errors import Unavailable
from monoize.contract import wall
from monoize.contract.grant import Grant
from monoize.contract.snapshot import Timeouts
from monoize.contract.wall import BalanceTold, Booked, Charge, GrantTold, News, NewsAsked, Rejected, Subject
from monoize.gateway.upstream.client import Client
from monoize.gateway.upstream.errors import UpstreamProblem
from monoize.gateway.upstream.target import Target
from monoize.infra.spool import Entry

ANSWER_MOST: Final = 64 * 2**20
TIMEOUTS: Final = Timeouts(connect_ms=2_000, first_byte_ms=30_000, idle_ms=10_000, total_ms=60_000)

Answer = TypeVar("Answer")

_TYPE: Final = (b"content-type", b"application/msgpack")


class ControlUnreachable(Unavailable):
    """The control plane does not answer this gateway."""

    code = "control_unreachable"
    hint = "Try again; an operator finds the reason in this gateway's log."


class Wall:
    def __init__(self, client: Client, control_url: str, mac: Callable[[bytes], str]) -> None:
        self._client = client
        self._target, path = Target.of(control_url.rstrip("/") + wall.PREFIX)
        self._prefix = path
        self._mac = mac
        self.posting = asyncio.Lock()
        """Held while charges become part of a balance: one read half-way would count them twice."""

    async def news(self, asked: NewsAsked) -> News:
        return await self._ask("news", asked, News)

    async def grant(self, digest: str) -> Grant | None:
        return wall.grant_heard(await self._ask("grant", digest, GrantTold))

    async def balance(self, budget: str) -> int | None:
        async with self.posting:
            told = await self._ask("balance", budget, BalanceTold)
        return None if told.nano is None else int(told.nano)

    async def post(self, entries: Sequence[Entry]) -> Sequence[Rejected]:
        charges = [Charge(entry.id, entry.content) for entry in entries]
        return (await self._ask("charges", charges, Booked)).rejected

    async def _ask(self, subject: Subject, question: Any, answer: type[Answer]) -> Answer:
        body = msgspec.msgpack.encode(question)
        at_ms = wall.now_ms()
        signature = self._mac(wall.signed(subject, at_ms, body)).encode()
        headers = [_TYPE, (wall.SIGNED_AT, b"%d" % at_ms), (wall.SIGNATURE, signature)]
        try:
            sent = await self._client.send(self._target, "POST", self._prefix + subject, headers, body, TIMEOUTS)
            try:
                told = await sent.read(ANSWER_MOST)
            finally:
                await sent.release()
        except UpstreamProblem as problem:
            raise ControlUnreachable(f"The control plane does not answer: {problem.kind}.") from problem
        if sent.status != 200:
            raise ControlUnreachable(f"The control plane answers {sent.status}.")
        return msgspec.msgpack.decode(told, type=answer)
