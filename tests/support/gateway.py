"""A gateway with everything real but what lies above the wall: keys, balances and channels are in dictionaries."""

import asyncio
import contextlib
import dataclasses
import json
from collections.abc import AsyncIterator, Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from monoize.base.cost.price import Price
from monoize.base.cost.sheet import PriceSheet
from monoize.base.ids import fingerprint, new_id
from monoize.contract.events import Charged, decode
from monoize.contract.grant import Grant
from monoize.contract.snapshot import Channel, ChannelType, Offer, Provider, Snapshot
from monoize.gateway.answer_cache import AnswerCache
from monoize.gateway.app import Gateway
from monoize.gateway.bystanders import Bystanders
from monoize.gateway.captures import Captures
from monoize.gateway.govern.denials import Denials
from monoize.gateway.govern.stage import Stage
from monoize.gateway.health import Health
from monoize.gateway.http_channel import HttpChannels
from monoize.gateway.keys import Keys
from monoize.gateway.limits import Limits
from monoize.gateway.meter import Meter
from monoize.gateway.relay import Relay
from monoize.gateway.upstream.client import Client
from monoize.infra.holds import MemoryHolds
from monoize.infra.paces import MemoryPaces
from monoize.infra.quotas import MemoryQuotas
from monoize.infra.spool import Spool, open_spool

KEY: Final = "sk-" + "0" * 32
USER: Final = "01a1fc11-0000-7000-8000-000000000001"
NANO: Final = 10**9


@dataclasses.dataclass
class Reply:
    status: int = 0
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    chunks: list[bytes] = dataclasses.field(default_factory=list)
    is_over: bool = False

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclasses.dataclass
class Bench:
    gateway: Gateway
    keys: Keys
    meter: Meter
    captures: Captures
    spool: Spool
    holds: MemoryHolds
    health: Health
    snapshot: Snapshot
    balances: dict[str, int | None]
    grants: dict[str, Grant]
    denials: Denials
    quotas: MemoryQuotas
    agents_spent: int = 0

    async def grant(self, digest: str) -> Grant | None:
        return self.grants.get(digest)

    async def balance(self, budget: str) -> int | None:
        """Of an agent's budget nothing is spent but what is said, whatever it is called."""
        kind, limit, *_ = budget.split(":")
        if kind == "agent":
            return int(limit) - self.agents_spent
        return self.balances.get(budget, 0)

    def offer(self, *providers: Provider, **prices: Price | None) -> None:
        """These providers, and prices by model; what is not named costs one and two USD for a million tokens."""
        wanted = {
            (channel.price_provider, name)
            for provider in providers
            for channel in provider.channels
            for asked, offer in channel.offers.items()
            for name in (asked, offer.upstream_model)
        }
        known = {
            (provider, name): prices.get(name.replace("-", "_"), price(provider, name)) for provider, name in wanted
        }
        sheets = {at: PriceSheet.of([found]) for at, found in known.items() if found}
        self.snapshot = Snapshot(self.snapshot.generation + 1, providers, sheets)

    async def ask(
        self,
        path: str,
        body: Any = None,
        *,
        method: str = "POST",
        key: str | None = KEY,
        headers: Mapping[str, str] | None = None,
        leave_after: int | None = None,
    ) -> Reply:
        """`leave_after`: hang up after so many chunks."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
        sent = {"content-length": str(len(content)), **(headers or {})}
        if key is not None:
            sent.setdefault("authorization", f"Bearer {key}")
        address, _, query = path.partition("?")
        scope: dict[str, Any] = {
            "type": "http",
            "method": method,
            "path": address,
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in sent.items()],
            "client": ("127.0.0.1", 50_000),
        }
        reply, left = Reply(), asyncio.Event()
        messages = [{"type": "http.request", "body": content, "more_body": False}]

        async def receive() -> dict[str, Any]:
            if messages:
                return messages.pop(0)
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                reply.status = message["status"]
                reply.headers = {name.decode(): value.decode() for name, value in message["headers"]}
                return
            if message.get("body"):
                reply.chunks.append(message["body"])
            reply.is_over = not message.get("more_body", False)
            if leave_after is not None and len(reply.chunks) >= leave_after:
                left.set()
                # As long as a caller's leaving takes to be noticed.
                await asyncio.sleep(0.01)

        if leave_after == 0:
            asyncio.get_running_loop().call_later(0.1, left.set)
        await self.gateway(scope, receive, send)
        return reply

    async def charged(self) -> list[Charged]:
        """What was charged so far."""
        return [decode(entry.content) for entry in await self.spool.oldest(1_000)]

    async def held(self) -> tuple[int, int]:
        """(how many requests hold money, how many are under way on disk): none once all is over."""
        return (await self.holds.snapshot()).hold_count, (await self.spool.figures()).in_flight


def price(provider: str, model: str, **rates: Any) -> Price:
    usual = {"input_pico": 1_000_000, "output_pico": 2_000_000}
    return Price(id=new_id(), provider=provider, model_key=model, **(usual | rates))


def channel(
    base_url: str = "",
    type: ChannelType = "echo",
    *models: str,
    offers: Mapping[str, Offer] | None = None,
    **facts: Any,
) -> Channel:
    known = {model: Offer(model) for model in models} | dict(offers or {})
    usual: dict[str, Any] = {
        "name": "channel",
        "weight": 1,
        "price_provider": "somebody",
        "breaker": None,
        "credential": "their-key",
    }
    return Channel(id=new_id(), type=type, base_url=base_url, offers=known, **(usual | facts))


def provider(*channels: Channel, **facts: Any) -> Provider:
    return Provider(new_id(), "provider", channels, **facts)


@contextlib.asynccontextmanager
async def open_bench(folder: Path, *, quotas: MemoryQuotas | None = None) -> AsyncIterator[Bench]:
    spool = await open_spool(folder)
    client = Client()
    holds, health = MemoryHolds(), Health()
    grant = Grant(key_id=new_id(), user_id=USER, tenant_id=new_id(), username="somebody")
    bench = Bench(
        gateway=None,  # type: ignore[arg-type]
        keys=None,  # type: ignore[arg-type]
        meter=None,  # type: ignore[arg-type]
        captures=Captures(folder.parent / "captures", retention_s=86_400),
        spool=spool,
        holds=holds,
        health=health,
        snapshot=Snapshot(0),
        balances={f"user:{USER}": 100 * NANO},
        grants={fingerprint(KEY): grant},
        denials=None,  # type: ignore[arg-type]
        quotas=quotas or MemoryQuotas(),
    )
    bench.meter = meter = Meter(holds, spool, bench, owner=spool.owner)
    cache = AnswerCache(meter)
    bench.denials, paces = Denials(meter), MemoryPaces()
    stage = Stage(bench.quotas, paces, bench, bench.denials)
    relay = Relay(meter, HttpChannels(client), health, Limits(paces), stage, cache)
    bystanders = Bystanders(cache, bench.captures, health, lambda: bench.snapshot)
    bench.keys = Keys(bench)
    bench.gateway = Gateway(bench.keys, relay, bystanders, lambda: bench.snapshot)
    try:
        yield bench
    finally:
        await client.close()
        await spool.close()


def change(bench: Bench, **facts: Any) -> None:
    """What the key may do from now on, and the gateway has heard of it."""
    bench.keys.forget()
    bench.grants = {digest: msgspec.structs.replace(grant, **facts) for digest, grant in bench.grants.items()}


def frames(body: bytes) -> Sequence[Any]:
    """The data of each event of a stream, as JSON where it is any."""
    found = [line[5:].strip() for line in body.splitlines() if line.startswith(b"data:")]
    return [line.decode() if line == b"[DONE]" else json.loads(line) for line in found]
