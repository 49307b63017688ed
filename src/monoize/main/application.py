"""The ASGI application: gateway, API and pages behind one door, opened and closed together by its lifespan."""

import contextlib
from collections.abc import AsyncIterator
from typing import Final

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from monoize.contract.wall import PREFIX as WALL
from monoize.control.app import make_app
from monoize.control.catalog import tasks as catalog_tasks
from monoize.control.governance import tasks as governance_tasks
from monoize.control.identity import tasks as identity_tasks
from monoize.control.ledger import tasks as ledger_tasks
from monoize.control.ledger.actions.live import LiveRequests
from monoize.control.ledger.drivers.capture_files import CaptureFiles
from monoize.control.ledger.services import Ledger
from monoize.dashboard.app import add_pages
from monoize.gateway.app import is_ours
from monoize.infra.background import Background
from monoize.infra.settings import Settings
from monoize.main.bridge import Bridge
from monoize.main.gateway import captures_folder, open_gateway
from monoize.main.governance import open_governance
from monoize.main.house import open_house
from monoize.main.money import open_money
from monoize.main.prices import plant_prices

SNAPSHOT_EVERY_S: Final = 0.5


def make_application(settings: Settings) -> FastAPI:
    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            house, identity = await stack.enter_async_context(open_house(settings))
            await plant_prices(house)
            bridge = Bridge(house, identity)
            await bridge.snapshots.run()
            money = await stack.enter_async_context(open_money(settings, bridge.above))
            plane = await stack.enter_async_context(open_gateway(settings, bridge.above, money))
            bridge.tells(plane.keys, money.refresher)
            app.state.house, app.state.identity = house, identity
            app.state.spool, app.state.holds = money.spool, money.holds
            app.state.gateway, app.state.sockets, app.state.wall = plane.gateway, plane.sockets, bridge.wall
            app.state.upstreams = plane.upstreams
            app.state.bystanders = plane.gateway.bystanders
            live = LiveRequests(house.database, plane.gateway.bystanders.under_way)
            app.state.ledger = Ledger(live, CaptureFiles(captures_folder(settings)))
            app.state.governance = await stack.enter_async_context(open_governance(house, identity))
            background = Background()
            background.every(SNAPSHOT_EVERY_S, "bridge.snapshot", bridge.snapshots.run)
            identity_tasks.schedule(background, house.database, identity.authenticator)
            catalog_tasks.schedule(background, house.database)
            ledger_tasks.schedule(background, live)
            governance_tasks.schedule(background, app.state.governance.notifier)
            stack.push_async_callback(background.stop)
            yield

    app = make_app(settings, lifespan)
    add_pages(app)
    return app


class Door:
    """To the gateway or to the control plane: what the one serves goes through none of the other's layers."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        inside: ASGIApp = self._app
        if scope["type"] != "lifespan" and is_ours(scope["path"]):
            state = self._app.state
            inside = state.gateway if scope["type"] == "http" else state.sockets
        elif scope["type"] == "http" and scope["path"].startswith(WALL):
            inside = self._app.state.wall
        await inside(scope, receive, send)
