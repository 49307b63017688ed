"""The control plane's side of the wall: what data planes in other processes ask, answered at `/wall/…`.

No person has business here. Whoever cannot sign with a key made of this house's master key is told nothing.
"""

import asyncio
import contextlib
import hmac
from collections import deque
from collections.abc import Awaitable, Callable, Container, Mapping, Sequence
from typing import Any, Final

import msgspec
import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from monoize.base.errors import Refusal
from monoize.base.ids import new_id
from monoize.contract import wall
from monoize.contract.egress import EgressAsked, EgressGrant, EgressNews, Flush, FlushTaken
from monoize.contract.wall import BalanceTold, Booked, Charge, GrantTold, News, NewsAsked
from monoize.control.bridge.budgets import LedgerBudgets, moved_by
from monoize.control.bridge.egress import EGRESS_RESTS_ON, Egress
from monoize.control.bridge.grants import GRANTS_REST_ON, KeyGrants
from monoize.control.bridge.intake import Intake
from monoize.control.bridge.snapshots import Snapshots
from monoize.infra.audit_log import Entry as AuditEntry
from monoize.infra.sealed import Seal
from monoize.infra.spool import Entry

log = structlog.get_logger(__name__)

CHANGES_KEPT: Final = 1_000
NEWS_AWAITED_S: Final = 5.0
"""Less than whoever asks waits for an answer."""


class Changes:
    """What people have changed lately, for those who ask from time to time."""

    def __init__(self) -> None:
        # Of one life of this process: marks of another say nothing here.
        self.life = new_id()
        self._count = 0
        self._latest: deque[tuple[tuple[str, ...], str]] = deque(maxlen=CHANGES_KEPT)
        self._next = asyncio.Event()
        self._is_over = False

    async def changed(self, entry: AuditEntry) -> None:
        self._keep(tuple(moved_by(entry)), entry.target_type)

    def stops_moved(self) -> None:
        """Maybe in another process, of which there is no entry here."""
        self._keep((), "stop")

    def _keep(self, budgets: tuple[str, ...], target_type: str) -> None:
        self._latest.append((budgets, target_type))
        self._count += 1
        self._wake()

    def close(self) -> None:
        """Nobody is kept waiting any more."""
        self._is_over = True
        self._wake()

    def _wake(self) -> None:
        # Another for whoever waits from now on.
        happened, self._next = self._next, asyncio.Event()
        happened.set()

    @property
    def mark(self) -> str:
        return f"{self.life}:{self._count}"

    def since(self, mark: str) -> tuple[tuple[str, ...] | None, bool]:
        """(budgets that may have moved, whether grants may have changed); None: any may have."""
        latest = self._missed(mark)
        if latest is None:
            return None, True
        moved = dict.fromkeys(budget for budgets, _ in latest for budget in budgets)
        return tuple(moved), any(target_type in GRANTS_REST_ON for _, target_type in latest)

    async def touched(self, target_types: Container[str], mark: str, *, within_s: float) -> bool:
        """Waits for it so long, unless it has happened already."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while not (self._is_over or self.has_touched(target_types, mark)):
                    await self._next.wait()
        return self.has_touched(target_types, mark)

    def has_touched(self, target_types: Container[str], mark: str) -> bool:
        latest = self._missed(mark)
        return latest is None or any(target_type in target_types for _, target_type in latest)

    def _missed(self, mark: str) -> Sequence[tuple[tuple[str, ...], str]] | None:
        """None: nobody knows any more."""
        life, _, count = mark.partition(":")
        missed = self._count - int(count) if life == self.life and count.isdigit() else -1
        if not 0 <= missed <= len(self._latest):
            return None
        return list(self._latest)[len(self._latest) - missed :]


class Wall:
    """An ASGI application."""

    def __init__(
        self,
        seal: Seal,
        snapshots: Snapshots,
        grants: KeyGrants,
        budgets: LedgerBudgets,
        intake: Intake,
        changes: Changes,
        egress: Egress,
    ) -> None:
        self._seal = seal
        self._snapshots = snapshots
        self._grants = grants
        self._budgets = budgets
        self._intake = intake
        self._changes = changes
        self._egress = egress
        self._answers: Mapping[str, Callable[[bytes], Awaitable[Any]]] = {
            "news": self._news,
            "grant": self._grant,
            "balance": self._balance,
            "charges": self._charges,
            "egress-grant": self._egress_grant,
            "egress-flush": self._egress_flush,
            "egress-news": self._egress_news,
        }

    def close(self) -> None:
        """Answer those who wait for news; for when the server stops."""
        self._changes.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._answer(Request(scope, receive))
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        subject = request.url.path.removeprefix(wall.PREFIX)
        answer = self._answers.get(subject)
        if answer is None or request.method != "POST":
            return Response(status_code=404)
        try:
            question = await _read(request)
        except ClientDisconnect:
            return Response(status_code=400)
        if question is None:
            return Response(status_code=413)
        if not self._is_signed(request, subject, question):
            return Response(status_code=401)
        try:
            told = await answer(question)
        except Refusal as refusal:
            log.warning("wall_refused", subject=subject, code=refusal.code, message=refusal.message)
            return Response(status_code=refusal.status)
        except (msgspec.DecodeError, ValueError):
            return Response(status_code=400)
        return Response(msgspec.msgpack.encode(told), media_type="application/msgpack")

    def _is_signed(self, request: Request, subject: str, question: bytes) -> bool:
        at = request.headers.get(wall.SIGNED_AT.decode(), "")
        signature = request.headers.get(wall.SIGNATURE.decode(), "")
        if not (at.isascii() and at.isdigit() and len(at) <= 16):
            return False
        is_now = abs(wall.now_ms() - int(at)) <= wall.CLOCKS_APART_MOST_MS
        ours = self._seal.sign(wall.PURPOSE, wall.signed(subject, int(at), question))
        return is_now and hmac.compare_digest(ours.encode(), signature.encode("utf-8", "replace"))

    async def _news(self, question: bytes) -> News:
        asked = msgspec.msgpack.decode(question, type=NewsAsked)
        # Before reading: what changes from now on is told the next time.
        mark = self._changes.mark
        moved, grants_changed = self._changes.since(asked.mark)
        snapshot = self._snapshots.current
        edition = f"{self._changes.life}:{snapshot.generation}"
        told = None if asked.edition == edition else wall.told(edition, snapshot, self._sealed)
        return News(mark, told, moved, grants_changed)

    def _sealed(self, credential: str, channel_id: str) -> str:
        return self._seal.seal(credential, wall.SEALED_FOR, channel_id)

    async def _grant(self, question: bytes) -> GrantTold:
        return wall.grant_told(await self._grants.grant(msgspec.msgpack.decode(question, type=str)))

    async def _balance(self, question: bytes) -> BalanceTold:
        balance = await self._budgets.balance(msgspec.msgpack.decode(question, type=str))
        return BalanceTold(None if balance is None else str(balance))

    async def _charges(self, question: bytes) -> Booked:
        charges = msgspec.msgpack.decode(question, type=tuple[Charge, ...])
        async with self._budgets.posting:
            rejected = await self._intake.post([Entry(each.id, each.content) for each in charges])
        return Booked(tuple(rejected))

    async def _egress_grant(self, question: bytes) -> EgressGrant | None:
        return await self._egress.grant(msgspec.msgpack.decode(question, type=EgressAsked))

    async def _egress_flush(self, question: bytes) -> FlushTaken:
        return await self._egress.take(msgspec.msgpack.decode(question, type=Flush))

    async def _egress_news(self, question: bytes) -> EgressNews:
        mark = msgspec.msgpack.decode(question, type=str)
        touched = await self._changes.touched(EGRESS_RESTS_ON, mark, within_s=NEWS_AWAITED_S)
        return EgressNews(self._changes.mark, touched)


async def _read(request: Request) -> bytes | None:
    """None where it is too large."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > wall.QUESTION_MOST:
            return None
        parts.append(part)
    return b"".join(parts)
