"""A whole house in process, and clients that call it as different people would."""

import contextlib
import dataclasses
import datetime as dt
import functools
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
from argon2 import PasswordHasher
from fastapi import FastAPI

from monoize.base.ids import new_id
from monoize.base.principal import Call
from monoize.control.compute.actions import agents, telemetry_kept
from monoize.control.compute.services import open_compute
from monoize.control.edge.house import House
from monoize.control.fleet.services import open_fleet
from monoize.control.identity.actions import first_account, sign_in
from monoize.control.identity.actions.users import NewUser
from monoize.control.identity.model import User, user_principal
from monoize.control.identity.services import Identity
from monoize.control.identity.store import users
from monoize.control.ledger.actions.live import LiveRequests
from monoize.control.ledger.drivers.capture_files import CaptureFiles
from monoize.control.ledger.services import Ledger
from monoize.control.mcp.model.calls import Status
from monoize.control.mcp.model.sales import Sale
from monoize.control.mcp.services import open_mcp
from monoize.control.projects.services import open_projects
from monoize.control.telemetry.services import Telemetry
from monoize.gateway.meter import BudgetUnknown
from monoize.infra import log
from monoize.infra.settings import Settings
from monoize.main import house as opening
from monoize.main.application import make_faces
from monoize.main.gateway import captures_folder
from monoize.main.governance import open_governance
from monoize.main.quotas import open_quotas
from support.databases import borrowed

MASTER_KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
PASSWORD = "correct horse battery"


def test_settings(dsn: str, folder: Path, **changes: Any) -> Settings:
    return Settings(database_dsn=dsn, data_dir=folder, master_key=MASTER_KEY, log_level="error", **changes)


# As a server does it: what structlog does unasked prints every variable of a failure, which takes half a minute.
log.configure("error", "console")

test_settings.__test__ = False  # type: ignore[attr-defined]


class Client(httpx2.AsyncClient):
    """An HTTP client with one credential, or none."""

    def __init__(self, app: FastAPI, *, bearer: str | None = None, ip: str = "127.0.0.1") -> None:
        headers = {"authorization": f"Bearer {bearer}"} if bearer else {}
        transport = httpx2.ASGITransport(app, client=(ip, 50_000))
        super().__init__(transport=transport, base_url="http://monoize.test", headers=headers)
        self.app = app
        self.user: dict[str, Any] = {}


@dataclasses.dataclass
class RunningHouse:
    app: FastAPI
    house: House
    identity: Identity
    _root: User | None = None

    def visitor(self, ip: str = "127.0.0.1") -> Client:
        return Client(self.app, ip=ip)

    def bearing(self, secret: str, ip: str = "127.0.0.1") -> Client:
        return Client(self.app, bearer=secret, ip=ip)

    async def make_root(self) -> Client:
        """The first account, signed in. Tests of how it comes to be walk the way of a person instead."""
        if self._root is None:
            new = NewUser(username="root", email="root@example.com", password_hash=_password_hash())
            async with self.house.audit_log.change(first_account.system_call()) as change:
                self._root = await first_account.create_first_account(change, new, link=None)
        return await self.enter(self._root)

    async def make_user(self, root: Client, username: str | None = None, **fields: Any) -> Client:
        """An account made by `root`, signed in."""
        body = {"username": username or f"u_{new_id()[-12:]}", **fields}
        created = await root.post("/api/users", json=body)
        assert created.status_code == 201, created.text
        async with self.house.database.write() as tx:
            user = await users.change(tx, created.json()["id"], {"password_hash": _password_hash()})
        return await self.enter(user)

    async def enter_again(self, client: Client) -> Client:
        """One more session of the same user."""
        async with self.house.database.read() as tx:
            user = await users.get(tx, client.user["id"])
        return await self.enter(user)

    async def enter(self, user: User) -> Client:
        """A new session of this user."""
        call = Call(user_principal(user), new_id())
        async with self.house.audit_log.change(call) as change:
            ttl = dt.timedelta(days=self.house.settings.session_ttl_days)
            session = await sign_in.open_session(change, user, ttl=ttl, user_agent=None, how="password")
        client = self.bearing(session.token)
        client.user = (await client.get("/api/me")).json()["user"]
        return client

    async def make_token(self, root: Client, name: str, **fields: Any) -> Client:
        created = await root.post("/api/tokens", json={"name": name, **fields})
        assert created.status_code == 201, created.text
        return self.bearing(created.json()["secret"])


@functools.cache
def _password_hash() -> str:
    """Of PASSWORD. A hash says how long looking at it takes, and nobody here tries to guess it."""
    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)


class NoTill:
    """A house without a gateway holds no money: what costs something cannot be called."""

    async def hold(self, sale: Sale) -> None:
        raise BudgetUnknown

    async def charge(self, sale: Sale, status: Status, latency_ms: int) -> None:
        raise BudgetUnknown

    async def release(self, sale: Sale) -> None:
        raise BudgetUnknown


# Making an application takes longer than most tests, and only what is behind it differs: it is used again.
_spare: dict[tuple[object, ...], list[FastAPI]] = {}


def _spare_like(settings: Settings) -> list[FastAPI]:
    return _spare.setdefault((settings.max_body_bytes, settings.trusted_proxies, settings.public_url), [])


@functools.cache
def closed_application() -> FastAPI:
    """An application before its doors open: its routes can be read, nothing can be asked. A house may take it."""
    settings = test_settings("sqlite://:memory:", Path(tempfile.gettempdir()))
    _spare_like(settings).append(app := make_faces(settings))
    return app


@contextlib.asynccontextmanager
async def open_house(settings: Settings) -> AsyncIterator[RunningHouse]:
    alike = _spare_like(settings)
    app = alike.pop() if alike else make_faces(settings)
    async with (
        borrowed(settings.database_dsn, pool_size=settings.database_pool_size) as database,
        opening.furnish(settings, database) as (house, identity),
        open_quotas(settings) as quotas,
        open_governance(house, identity, quotas) as governance,
        open_projects(house) as projects,
    ):
        app.state.house, app.state.identity, app.state.governance = house, identity, governance
        app.state.fleet = await open_fleet(house)
        app.state.projects = projects
        app.state.compute = compute = open_compute(
            house, identity, here="http://monoize.test", outside="http://monoize.test"
        )
        app.state.telemetry = Telemetry(agents.shown_by, telemetry_kept.policy_of)
        app.state.mcp = mcp = open_mcp(house, governance.outside, NoTill())
        app.state.ledger = Ledger(LiveRequests(house.database, list), CaptureFiles(captures_folder(settings)))
        yield RunningHouse(app, house, identity)
        await mcp.close()
        await compute.close()
    alike.append(app)
