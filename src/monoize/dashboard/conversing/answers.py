"""One answer, from the question to what it came to: heard piece by piece, with its times and its price."""

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import AsyncGenerator
from typing import Final

from monoize.base.errors import Refusal
from monoize.control.edge.event_stream import COMMENT_EVERY_S
from monoize.control.edge.house import House
from monoize.control.ledger.actions import requests
from monoize.control.ledger.errors import NoSuchRequest
from monoize.dashboard.conversing.reading import Piece, Reading
from monoize.dashboard.conversing.sources import Source, with_silences
from monoize.dashboard.conversing.turns import Answered
from monoize.dashboard.session import Person
from monoize.gateway.dialects import Dialect

WAIT_S_MOST: Final = 300.0
# Charges are posted within a fraction of a second; a request that was refused early is in no log.
_RECORDED_S_MOST: Final = 5.0
_REFUSED_S_MOST: Final = 1.0
_LOOK_EVERY_S: Final = 0.05


@dataclasses.dataclass(frozen=True, slots=True)
class Account:
    """What the request log says of a request."""

    first_ms: float | None
    took_ms: float | None
    input_tokens: int
    output_tokens: int
    charge_nano: int | None


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """What came of asking once. `problem` says why it is no answer, or why it is cut."""

    turn: Answered
    problem: str | None = None
    is_stopped: bool = False
    first_ms: float | None = None
    took_ms: float | None = None
    request_id: str | None = None
    account: Account | None = None
    raw: str = ""

    @property
    def goes_on(self) -> bool:
        """Whether it becomes a part of the conversation."""
        return self.problem is None and bool(not self.is_stopped or self.turn.text)


class Hearing:
    """Of one answer: its pieces as they come, and afterwards the answer."""

    def __init__(self, source: Source, dialect: Dialect) -> None:
        self._source = source
        self._reading = Reading(dialect)
        self._began_s = time.monotonic()
        self._first_ms: float | None = None
        self._problem: str | None = None

    async def pieces(self) -> AsyncGenerator[Piece | None, None]:
        """None for a long silence."""
        try:
            async with contextlib.aclosing(with_silences(self._source.chunks(), COMMENT_EVERY_S)) as chunks:
                async for chunk in chunks:
                    if self._ms() > WAIT_S_MOST * 1000:
                        self._problem = f"It took longer than {WAIT_S_MOST:.0f} seconds, and was stopped."
                        return
                    if not chunk:
                        yield None
                        continue
                    self._first_ms = self._first_ms or self._ms()
                    for piece in self._reading.feed(self._source.status, chunk):
                        yield piece
            for piece in self._reading.end():
                yield piece
        except Refusal as refusal:
            self._problem = " ".join(filter(None, (refusal.message, refusal.cure)))

    def answer(self) -> Answer:
        """Once the pieces have ended."""
        reading = self._reading
        return Answer(
            reading.turn,
            self._problem or reading.problem,
            first_ms=self._first_ms,
            took_ms=self._ms(),
            raw=reading.raw,
        )

    def _ms(self) -> float:
        return (time.monotonic() - self._began_s) * 1000


async def recorded(house: House, person: Person, answer: Answer, request_id: str) -> Answer:
    """With what the request log says of it, as soon as it says it."""
    answer = dataclasses.replace(answer, request_id=request_id)
    wait_s = _RECORDED_S_MOST if answer.goes_on else _REFUSED_S_MOST
    until_s = time.monotonic() + wait_s
    while time.monotonic() < until_s:
        account = await _account(house, person, request_id)
        if account is not None:
            return dataclasses.replace(answer, account=account)
        await asyncio.sleep(_LOOK_EVERY_S)
    return answer


async def _account(house: House, person: Person, request_id: str) -> Account | None:
    try:
        async with house.database.read() as tx:
            found = await requests.explain(tx, house.seal, person.call.principal, request_id)
    except NoSuchRequest:
        return None
    request = found.request
    read = (request.input_tokens, request.cache_read_tokens, request.cache_creation_tokens)
    return Account(
        first_ms=request.ttfb_ms,
        took_ms=request.duration_ms,
        input_tokens=sum(tokens or 0 for tokens in read),
        output_tokens=request.output_tokens or 0,
        charge_nano=request.charge_nano_usd,
    )
