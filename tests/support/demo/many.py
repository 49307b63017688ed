"""The many: people, keys, providers, machines with agents, hosts, requests and what they came to.

The same every time but for its dates, which end today. What is inserted in bulk went through no action: it is for
looking at, and for measuring how long pages take. Charges are booked as ever, since the ledger seals its rows.
"""

import dataclasses
import datetime as dt
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import BigInteger, Table, case, cast, func, insert, literal, select

from monoize.base.ids import fingerprint, id_text
from monoize.control.catalog.actions import providers
from monoize.control.catalog.model.providers import ChannelDraft, ModelEntry, ProviderDraft
from monoize.control.compute.tables import agents, vps_configs, vpses
from monoize.control.edge.house import House
from monoize.control.fleet.model.pools import DEFAULT_POOL_ID
from monoize.control.fleet.tables import hosts
from monoize.control.identity.actions import first_account
from monoize.control.identity.model import DEFAULT_TENANT_ID
from monoize.control.identity.tables import api_keys, users
from monoize.control.ledger.actions.charges import post_charges
from monoize.control.ledger.model.entries import Charge
from monoize.control.ledger.tables import request_logs
from monoize.control.telemetry.model.usage import DURATION_BOUNDS_MS, HOUR_MS, Figures, ModelKey, UsageKey
from monoize.control.telemetry.tables import usage_days, usage_hours, usage_model_days, usage_model_hours
from monoize.infra.bulk import insert_many

SEED: Final = 7
DAYS: Final = 60
BATCH: Final = 10_000
DAY_MS: Final = 86_400_000
MODELS: Final[Mapping[str, Sequence[str]]] = {
    "anthropic": ("claude-opus-4-6", "claude-sonnet-4-5", "claude-haiku-4-5"),
    "openai": ("gpt-5.1", "gpt-5.1-mini"),
    "google": ("gemini-3-pro", "gemini-3-flash"),
}
_NAMES: Final = ("laptop", "nightly", "ci", "review", "triage", "docs", "search", "support", "release", "research")


@dataclasses.dataclass(frozen=True, slots=True)
class Size:
    people: int
    keys: int
    machines: int
    hosts: int
    requests: int
    charges: int
    """Of the newest requests; the others are from before the ledger."""


TINY: Final = Size(people=3, keys=6, machines=4, hosts=4, requests=120, charges=60)
SMALL: Final = Size(people=8, keys=40, machines=20, hosts=30, requests=5_000, charges=1_000)
LARGE: Final = Size(people=500, keys=10_000, machines=1_000, hosts=1_000, requests=1_000_000, charges=100_000)


class Many:
    def __init__(self, house: House, size: Size, now: dt.datetime) -> None:
        self._house, self._size, self._now = house, size, now
        self._chance = random.Random(SEED)

    async def fill(self) -> None:
        people = list(self._people())
        await self._insert(users, people)
        keys = list(self._keys([row["id"] for row in people]))
        await self._insert(api_keys, keys)
        await self._providers()
        machines = list(self._machines(await self._preset(), people))
        await self._insert(vpses, machines)
        await self._insert(agents, list(self._agents(machines)))
        await self._insert(hosts, list(self._hosts()))
        await self._insert(request_logs, self._requests(keys))
        await self._add_up(usage_hours, usage_model_hours, HOUR_MS)
        await self._add_up(usage_days, usage_model_days, DAY_MS)
        await self._charge()

    def _people(self) -> Iterator[dict[str, Any]]:
        for number in range(self._size.people):
            name = f"person_{number:04}"
            yield {
                "id": self._id(),
                "username": name,
                "email": f"{name}@example.com",
                "tenant_id": DEFAULT_TENANT_ID,
            }

    def _keys(self, people: Sequence[str]) -> Iterator[dict[str, Any]]:
        for number in range(self._size.keys):
            secret = f"sk-demo-{number}"
            yield {
                "id": self._id(),
                "user_id": people[number % len(people)],
                "name": f"{_NAMES[number % len(_NAMES)]} {number}",
                "key_prefix": secret[:11],
                "key_hash": fingerprint(secret),
            }

    async def _providers(self) -> None:
        for name, models in MODELS.items():
            draft = ProviderDraft(
                name=name,
                type="messages" if name == "anthropic" else "chat_completion",
                price_provider=name,
                models=tuple(ModelEntry(model) for model in models),
                channels=(ChannelDraft(name="default", base_url=f"https://{name}.example.com", credential=None),),
            )
            async with self._house.audit_log.change(first_account.system_call()) as change:
                await providers.create_provider(change, self._house.seal, draft)

    async def _preset(self) -> str:
        async with self._house.database.read() as tx:
            found: str | None = await tx.scalar(select(vps_configs.c.id).limit(1))
        if found is not None:
            return found
        preset = {"id": self._id(), "name": "demo", "provider": "process", "image": "sh -c 'sleep 600'"}
        await self._insert(vps_configs, [{**preset, "cpu_millicores": 1000, "memory_mb": 1024, "disk_gb": 10}])
        return str(preset["id"])

    def _machines(self, preset: str, people: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        for number in range(self._size.machines):
            state = self._chance.choices(("running", "stopped"), (9, 1))[0]
            yield {
                "id": self._id(),
                "user_id": people[number % len(people)]["id"],
                "vps_config_id": preset,
                "name": f"machine-{number:04}",
                "provider": "process",
                "state": state,
                "desired": state,
                "observed": state,
            }

    def _agents(self, machines: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        for number, machine in enumerate(machines):
            yield {
                "id": self._id(),
                "user_id": machine["user_id"],
                "vps_id": machine["id"],
                "name": f"{_NAMES[number % len(_NAMES)]}-{number:04}",
                "gateway_token": fingerprint(f"demo {number}"),
                "gateway_token_sealed": "",
            }

    def _hosts(self) -> Iterator[dict[str, Any]]:
        for number in range(self._size.hosts):
            seen = self._now - dt.timedelta(minutes=self._chance.randrange(10_000))
            yield {
                "fqdn": f"build-{number:04}.example.com",
                "api_key": fingerprint(f"demo host {number}"),
                "pool_id": DEFAULT_POOL_ID,
                "ip": f"10.7.{number // 250}.{number % 250 + 1}",
                "client_version": "0.61.0",
                "wrapper_version": "1.0.0",
                "last_seen_at": seen,
            }

    def _requests(self, keys: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        """The oldest first, as they came."""
        end_ms = int(self._now.timestamp() * 1000)
        step = DAYS * DAY_MS / self._size.requests
        models = [model for each in MODELS.values() for model in each]
        for number in range(self._size.requests):
            at_ms = end_ms - int((self._size.requests - number) * step)
            key = keys[self._chance.randrange(len(keys))]
            failed = self._chance.random() < 0.02
            ttfb_ms = int(self._chance.lognormvariate(6, 0.6))
            yield {
                "id": self._id(at_ms),
                "request_id": f"demo-{number}",
                "user_id": key["user_id"],
                "api_key_id": key["id"],
                "model": models[number % len(models)],
                "is_stream": 1,
                "status": "error" if failed else "success",
                "error_code": "upstream_timeout" if failed else None,
                "input_tokens": self._chance.randrange(200, 20_000),
                "output_tokens": 0 if failed else self._chance.randrange(20, 2_000),
                "charge_nano_usd": 0 if failed else self._chance.randrange(1_000_000, 90_000_000),
                "ttfb_ms": None if failed else ttfb_ms,
                "duration_ms": ttfb_ms * 4,
                "created_at": dt.datetime.fromtimestamp(at_ms / 1000, dt.UTC),
                "created_at_unix_ms": at_ms,
            }

    async def _add_up(self, table: Table, of_models: Table, step_ms: int) -> None:
        """What telemetry adds up while it books calls, of all requests at once."""
        logged = request_logs.c
        took = func.coalesce(logged.duration_ms, 0)
        within = zip((-1, *DURATION_BOUNDS_MS), (*DURATION_BOUNDS_MS, 2**31), strict=True)
        durations = [func.sum(case((took.between(low + 1, high), 1), else_=0)) for low, high in within]
        provider = case(*((logged.model.in_(models), name) for name, models in MODELS.items()), else_="")
        # It is text there, so that no program rounds it.
        charged = func.coalesce(func.sum(cast(logged.charge_nano_usd, BigInteger)), 0)
        key: dict[str, Any] = {
            "at_ms": logged.created_at_unix_ms - logged.created_at_unix_ms % step_ms,
            "tenant_id": literal(DEFAULT_TENANT_ID),
            "user_id": logged.user_id,
            "api_key_id": func.coalesce(logged.api_key_id, ""),
            "agent_id": literal(""),
            "provider": provider,
            "model": logged.model,
            "served_model": logged.model,
        }
        numbers: dict[str, Any] = {
            "calls": func.count(),
            "failed": func.sum(case((logged.status == "error", 1), else_=0)),
            "input_tokens": func.sum(logged.input_tokens),
            "output_tokens": func.sum(logged.output_tokens),
            "cost_nano": charged,
            "charge_nano": charged,
            "first_bytes": func.count(logged.ttfb_ms),
            "first_byte_ms": func.coalesce(func.sum(logged.ttfb_ms), 0),
            "duration_ms": func.sum(took),
            **dict(zip(Figures._fields[-len(durations) :], durations, strict=True)),
        }
        assert tuple(key) == UsageKey._fields
        models = [table.c[name] for name in ModelKey._fields]
        sums = select(*key.values(), *numbers.values()).group_by(
            key["at_ms"], logged.user_id, logged.api_key_id, logged.model
        )
        again = select(*models, *(func.sum(table.c[name]) for name in numbers)).group_by(*models)
        end_ms = int(self._now.timestamp() * 1000)
        # Day by day: no statement may take as long as all of them do.
        for day_ms in range(end_ms - end_ms % DAY_MS - DAYS * DAY_MS, end_ms, DAY_MS):
            of_day = sums.where(logged.created_at_unix_ms.between(day_ms, day_ms + DAY_MS - 1))
            summed_up = again.where(table.c.at_ms.between(day_ms, day_ms + DAY_MS - 1))
            async with self._house.database.write() as tx:
                await tx.execute(insert(table).from_select([*key, *numbers], of_day))
                await tx.execute(insert(of_models).from_select([*ModelKey._fields, *numbers], summed_up))

    async def _charge(self) -> None:
        logged = request_logs.c
        newest = (
            select(logged.request_id, logged.user_id, logged.api_key_id, logged.charge_nano_usd, logged.model)
            .where(logged.status == "success")
            .order_by(logged.created_at_unix_ms.desc())
            .limit(self._size.charges)
        )
        async with self._house.database.read() as tx:
            rows = list(reversed((await tx.execute(newest)).all()))
        for start in range(0, len(rows), 1000):
            charges = [
                Charge(
                    request_id=row.request_id,
                    user_id=row.user_id,
                    amount_nano_usd=row.charge_nano_usd,
                    api_key_id=row.api_key_id,
                    meta={"model": row.model},
                )
                for row in rows[start : start + 1000]
            ]
            async with self._house.database.write() as tx:
                await post_charges(tx, self._house.seal, charges)

    async def _insert(self, table: Table, rows: "Iterator[dict[str, Any]] | Sequence[dict[str, Any]]") -> None:
        waiting: list[dict[str, Any]] = []
        for row in rows:
            waiting.append(row)
            if len(waiting) == BATCH:
                await self._write(table, waiting)
                waiting = []
        await self._write(table, waiting)

    async def _write(self, table: Table, rows: Sequence[dict[str, Any]]) -> None:
        async with self._house.database.write() as tx:
            await insert_many(tx, table, rows)

    def _id(self, at_ms: int | None = None) -> str:
        """As `new_id` makes them, but the same every time for the same moment."""
        ms = int(self._now.timestamp() * 1000) if at_ms is None else at_ms
        return id_text(ms << 80 | 0x7 << 76 | self._chance.getrandbits(12) << 64 | self._chance.getrandbits(62))
