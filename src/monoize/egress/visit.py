"""One connection from a machine: request after request, until one becomes a tunnel or the connection ends.

Whatever is refused is answered; the connection stays open where it is certain where the next request begins.
"""

import asyncio
from collections.abc import Callable
from typing import Final, NamedTuple

import structlog

from monoize.base.errors import Refusal
from monoize.base.exposition import MEDIA_TYPE
from monoize.contract.egress import EgressAsked, EgressGrant
from monoize.egress import answers, credentials, heads
from monoize.egress.admission import Admission
from monoize.egress.bodies import NO_BODY
from monoize.egress.dial import Dialer
from monoize.egress.errors import HeadTimeout, LoopDetected, ProxyRequestMalformed
from monoize.egress.figures import Figures
from monoize.egress.forward import Forward, Gone, Outgoing
from monoize.egress.heads import Request
from monoize.egress.meter import Meter
from monoize.egress.presence import Agent, Presence
from monoize.egress.targets import Target, absolute_target, tunnel_target
from monoize.egress.tunnel import Tunnel
from monoize.egress.wire import Wire
from monoize.infra.alarm import Alarm

log = structlog.get_logger(__name__)

HEAD_S: Final = 10.0
BETWEEN_REQUESTS_S: Final = 75.0
LINGER_S: Final = 2.0
LINGER_BYTES_MOST: Final = 1024 * 1024
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1"})


class Services(NamedTuple):
    """What every visit uses. `name` is this proxy's in `Via`."""

    loop: asyncio.AbstractEventLoop
    alarm: Alarm
    admission: Admission
    presence: Presence
    dialer: Dialer
    meter: Meter
    figures: Figures
    name: bytes


class Held(NamedTuple):
    """A connection to a target that may carry the next request of the same agent."""

    agent_id: str
    machine_id: str
    target: Target
    wire: Wire


class Visit:
    """`on_over` is called once, when nothing of it is left."""

    def __init__(self, services: Services, wire: Wire, ip: str | None, on_over: Callable[[], None]) -> None:
        self.asked: EgressAsked | None = None
        self._use = services
        self._wire = wire
        self._ip = ip
        self._on_over = on_over
        self._agent_id: str | None = None
        self._held: Held | None = None
        self._tunnel: Tunnel | None = None
        self._is_first = True

    async def run(self) -> None:
        try:
            while await self._request():
                self._is_first = False
        except (ConnectionError, TimeoutError):
            self._wire.abort()
        except Exception:  # The last rung: one visit must not end silently.
            log.exception("egress_visit_failed")
            self._wire.abort()
        finally:
            if self._tunnel is None:
                self._over()

    def cut(self) -> None:
        """Close both ends now."""
        if self._tunnel is not None:
            self._tunnel.cut()
            return
        if self._held is not None:
            self._held.wire.abort()
        self._wire.abort()

    async def _request(self) -> bool:
        """Whether another may follow."""
        request: Request | None = None
        try:
            head = await self._head()
            if head is None:
                return False
            request = heads.read_request(head)
            return await self._serve(request)
        except ValueError as problem:
            refusal: Refusal = ProxyRequestMalformed(f"This is no request that a proxy can be asked: {problem}.")
        except Refusal as raised:
            refusal = raised
        return await self._refuse(refusal, None if isinstance(refusal, ProxyRequestMalformed) else request)

    async def _head(self) -> bytes | None:
        if not self._is_first and not self._wire.has_received:
            try:
                async with asyncio.timeout(BETWEEN_REQUESTS_S):
                    if not await self._wire.more():
                        return None
            except TimeoutError:
                return None
        try:
            async with asyncio.timeout(HEAD_S):
                return await self._wire.head(heads.HEAD_BYTES_MOST)
        except TimeoutError:
            if not self._wire.has_received:
                return None
            raise HeadTimeout from None

    async def _serve(self, request: Request) -> bool:
        if request.target.startswith(b"/"):
            return await self._own_page(request)
        framing = heads.request_framing(request)
        if request.method == b"CONNECT":
            target, path = tunnel_target(request.target), b""
            if framing != NO_BODY:
                raise ValueError("a tunnel has no body")
        else:
            target, path = absolute_target(request.target)
        asked = credentials.shown(heads.first(request.fields, b"proxy-authorization"))
        grant = await self._use.admission.admit(asked)
        if any(self._use.name in value for name, value in request.fields if name == b"via"):
            raise LoopDetected
        agent = self._enter(grant, asked)
        if request.method == b"CONNECT":
            return await self._open_tunnel(grant, agent, target)
        via = b"1.%d %b" % (request.version, self._use.name)
        return await self._forward(Outgoing(request, framing, target, path, via), grant, agent)

    def _enter(self, grant: EgressGrant, asked: EgressAsked | None) -> Agent:
        if self._agent_id is not None and self._agent_id != grant.agent_id:
            self._leave()
        agent = self._use.presence.enter(grant.agent_id, self)
        self._agent_id, self.asked = grant.agent_id, asked
        return agent

    async def _open_tunnel(self, grant: EgressGrant, agent: Agent, target: Target) -> bool:
        wire = await self._dial(grant, agent, target)
        if self._wire.is_over:
            wire.abort()
            return False
        self._drop_held()
        self._use.figures.requests["connect"] += 1
        self._use.figures.tunnels += 1
        self._wire.send(answers.ESTABLISHED)
        self._tunnel = Tunnel(self._use.loop, self._use.alarm, self._wire, wire, self._tunnel_over)
        self._tunnel.open()
        return False

    async def _forward(self, outgoing: Outgoing, grant: EgressGrant, agent: Agent) -> bool:
        self._use.figures.requests["http"] += 1
        held = self._take_held(grant, outgoing.target) if outgoing.can_repeat else None
        is_reused = held is not None
        if held is None:
            # A target may close what it has kept at any moment: what cannot be repeated gets a new one.
            self._drop_held()
            held = await self._held_to(grant, agent, outgoing.target)
        while True:
            forward = Forward(outgoing, self._wire, held.wire)
            self._held = held
            try:
                await forward.run(is_reused=is_reused)
                break
            except Gone:
                self._drop_held()
                is_reused = False
                held = await self._held_to(grant, agent, outgoing.target)
            except BaseException:
                self._drop_held()
                raise
        if not forward.target_keeps_open:
            self._drop_held()
        return forward.client_keeps_open

    async def _held_to(self, grant: EgressGrant, agent: Agent, target: Target) -> Held:
        wire = await self._dial(grant, agent, target)
        return Held(grant.agent_id, grant.machine_id or "", target, wire)

    async def _dial(self, grant: EgressGrant, agent: Agent, target: Target) -> Wire:
        wire = await self._use.dialer.dial(grant, target, agent.resolving)
        wire.count(self._use.meter.tally(grant.agent_id, grant.machine_id or ""))
        return wire

    def _take_held(self, grant: EgressGrant, target: Target) -> Held | None:
        held = self._held
        if held is None:
            return None
        if held[:3] == (grant.agent_id, grant.machine_id, target) and held.wire.is_quiet:
            return held
        self._drop_held()
        return None

    def _drop_held(self) -> None:
        if self._held is not None:
            self._held.wire.abort()
            self._held = None

    async def _own_page(self, request: Request) -> bool:
        body, media_type = b'{"status":"ok"}', b"application/json"
        if request.target == b"/metrics" and self._ip in _LOOPBACK:
            body, media_type = "".join(self._use.figures.lines()).encode(), MEDIA_TYPE.encode()
        elif request.target != b"/healthz":
            raise ProxyRequestMalformed("This is a proxy, which is asked for absolute addresses.")
        is_head = request.method == b"HEAD"
        await self._wire.write(answers.page(200, body, media_type, [], is_head=is_head, keeps_open=False))
        await self._linger()
        return False

    async def _refuse(self, refusal: Refusal, request: Request | None) -> bool:
        """`request`: None when nobody can say where the next one begins."""
        self._use.figures.refusals[refusal.code] += 1
        keeps_open = request is not None and request.keeps_open and self._is_at_next(request)
        is_head = request is not None and request.method == b"HEAD"
        await self._wire.write(answers.refused(refusal, is_head=is_head, keeps_open=keeps_open))
        if not keeps_open:
            await self._linger()
        return keeps_open

    def _is_at_next(self, request: Request) -> bool:
        if request.method == b"CONNECT":
            # What came early was meant for the tunnel, and is no request.
            return not self._wire.has_received
        return heads.request_framing(request) == NO_BODY

    async def _linger(self) -> None:
        """What still comes is dropped for a moment: hanging up would drop what we said last, too."""
        self._wire.end()
        dropped = 0
        try:
            async with asyncio.timeout(LINGER_S):
                while dropped < LINGER_BYTES_MOST and (data := await self._wire.read()):
                    dropped += len(data)
        except TimeoutError:
            pass

    def _tunnel_over(self) -> None:
        self._use.figures.tunnels -= 1
        self._over()

    def _over(self) -> None:
        self._drop_held()
        self._wire.close()
        self._leave()
        self._on_over()

    def _leave(self) -> None:
        if self._agent_id is not None:
            self._use.presence.leave(self._agent_id, self)
            self._agent_id = None
