"""All of Monoize in one process: what a start opens, and the door through which everybody comes.

The faces of the control plane (its API and its pages) take longer to load than all the rest of a start. They are
loaded beside it, while models are served already; whoever comes for them before that is done waits.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

import structlog
from starlette.datastructures import State
from starlette.types import ASGIApp, Receive, Scope, Send

from monoize.contract.wall import PREFIX as WALL
from monoize.control.catalog import tasks as catalog_tasks
from monoize.control.compute import tasks as compute_tasks
from monoize.control.compute.actions import agents, telemetry_kept
from monoize.control.compute.services import open_compute
from monoize.control.edge.request_figures import RequestFigures
from monoize.control.fleet import tasks as fleet_tasks
from monoize.control.fleet.services import open_fleet
from monoize.control.governance import tasks as governance_tasks
from monoize.control.identity import tasks as identity_tasks
from monoize.control.ledger import tasks as ledger_tasks
from monoize.control.ledger.actions.live import LiveRequests
from monoize.control.ledger.drivers.capture_files import CaptureFiles
from monoize.control.ledger.services import Ledger
from monoize.control.mcp import tasks as mcp_tasks
from monoize.control.mcp.services import open_mcp
from monoize.control.projects import tasks as projects_tasks
from monoize.control.projects.services import open_projects
from monoize.control.telemetry import tasks as telemetry_tasks
from monoize.control.telemetry.services import Telemetry
from monoize.gateway.app import is_ours
from monoize.infra.background import Background
from monoize.infra.changes import LOOK_EVERY_S
from monoize.infra.settings import Settings
from monoize.main.bridge import Bridge
from monoize.main.garbage import collect_seldom
from monoize.main.gateway import captures_folder, open_gateway
from monoize.main.governance import open_governance
from monoize.main.health import HEALTH, healthy
from monoize.main.house import open_house
from monoize.main.metered_till import MeteredTill
from monoize.main.money import open_money
from monoize.main.plans import plant_plans
from monoize.main.prices import plant_prices
from monoize.main.quotas import open_quotas

if TYPE_CHECKING:
    from fastapi import FastAPI

log = structlog.get_logger(__name__)

SNAPSHOT_EVERY_S: Final = 0.25
SNAPSHOT_RESTS_S: Final = 1.0


@contextlib.asynccontextmanager
async def open_all(settings: Settings, address: str = "", here: str = "") -> AsyncIterator[State]:
    """What requests may use, by name; closed again at the end. `address`: what others call us; `here`: where we
    listen."""
    state = State()
    async with contextlib.AsyncExitStack() as stack:
        house, identity = await stack.enter_async_context(open_house(settings))
        await plant_prices(house)
        await plant_plans(house)
        bridge = Bridge(house, identity)
        await bridge.snapshots.run()
        money = await stack.enter_async_context(open_money(settings, bridge.above))
        quotas = await stack.enter_async_context(open_quotas(settings))
        plane = await stack.enter_async_context(open_gateway(settings, bridge.above, money, quotas))
        bridge.tells(plane.keys, money.refresher)
        state.house, state.identity = house, identity
        state.fleet = await open_fleet(house)
        stack.push_async_callback(state.fleet.sightings.write_down)
        state.projects = await stack.enter_async_context(open_projects(house))
        state.governance = await stack.enter_async_context(open_governance(house, identity, quotas))
        state.compute = compute = open_compute(house, identity, here=here, outside=address)
        stack.push_async_callback(compute.close)
        state.mcp = mcp = open_mcp(house, state.governance.outside, MeteredTill(money.meter))
        stack.push_async_callback(mcp.close)
        state.spool, state.holds = money.spool, money.holds
        state.gateway, state.sockets, state.wall = plane.gateway, plane.sockets, bridge.wall
        state.egress = bridge.egress
        state.upstreams, state.bystanders = plane.upstreams, plane.gateway.bystanders
        live = LiveRequests(house.database, plane.gateway.bystanders.under_way)
        state.ledger = Ledger(live, CaptureFiles(captures_folder(settings)))
        state.telemetry = Telemetry(agents.shown_by, telemetry_kept.policy_of)
        background = Background()
        state.backgrounds = [background, money.background, plane.background]
        state.request_figures = RequestFigures()
        changes = house.database.changes
        background.every(LOOK_EVERY_S, "database.changes", changes.look)
        background.every(
            SNAPSHOT_EVERY_S, "bridge.snapshot", bridge.snapshots.run, when=changes.awaited(SNAPSHOT_RESTS_S)
        )
        identity_tasks.schedule(background, house.database, identity.authenticator)
        catalog_tasks.schedule(background, house.database)
        ledger_tasks.schedule(background, live)
        fleet = state.fleet
        fleet_tasks.schedule(background, house, fleet.validator, fleet.account_usage, fleet.sightings)
        governance = state.governance
        governance_tasks.schedule(
            background, governance.notifier, governance.examiner, governance.failure_sources, governance.syncer
        )
        compute_tasks.schedule(
            background,
            house,
            compute.worker,
            compute.monitor,
            compute.reconciler,
            state.governance.notifier,
            compute.passage,
            compute.deliverer,
        )
        telemetry_tasks.schedule(background, house, telemetry_kept.days_kept)
        projects_tasks.schedule(
            background, house, state.projects.proxy, state.projects.upkeep, state.projects.workers
        )
        mcp_tasks.schedule(background, house)
        stack.push_async_callback(background.stop)
        yield state


def make_faces(settings: Settings) -> "FastAPI":
    """The API and the pages; they find what they use in the application's state."""
    from monoize.control.app import make_app
    from monoize.dashboard.app import add_pages

    app = make_app(settings)
    add_pages(app)
    return app


class Door:
    """To the gateway or to the control plane: what the one serves goes through none of the other's layers."""

    state: State
    _faces: "asyncio.Future[FastAPI]"

    def open(self, settings: Settings, state: State) -> None:
        self.state = state
        self._faces = asyncio.get_running_loop().run_in_executor(None, make_faces, settings)
        self._faces.add_done_callback(self._loaded)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        inside: ASGIApp
        if is_ours(path):
            inside = self.state.gateway if scope["type"] == "http" else self.state.sockets
        elif scope["type"] == "http" and path.startswith(WALL):
            inside = self.state.wall
        elif path == HEALTH and not self._faces.done():
            inside = healthy
        else:
            # Whoever hangs up meanwhile must not stop it for the others.
            inside = await asyncio.shield(self._faces)
        await inside(scope, receive, send)

    def _loaded(self, faces: "asyncio.Future[FastAPI]") -> None:
        if faces.cancelled():
            return
        if problem := faces.exception():
            log.error("control_plane_not_loaded", exc_info=problem)
            return
        faces.result().state = self.state
        collect_seldom()
