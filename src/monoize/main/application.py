"""The ASGI application: the API and the pages, with everything behind them opened and closed by its lifespan."""

import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI

from monoize.control.app import make_app
from monoize.control.catalog import tasks as catalog_tasks
from monoize.control.identity import tasks as identity_tasks
from monoize.dashboard.app import add_pages
from monoize.infra.background import Background
from monoize.infra.settings import Settings
from monoize.main.house import open_house
from monoize.main.money import open_money
from monoize.main.prices import plant_prices


def make_application(settings: Settings) -> FastAPI:
    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_house(settings) as (house, identity):
            await plant_prices(house)
            async with open_money(settings, house) as money:
                app.state.house, app.state.identity = house, identity
                app.state.spool, app.state.holds = money.spool, money.holds
                background = Background()
                identity_tasks.schedule(background, house.database, identity.authenticator)
                catalog_tasks.schedule(background, house.database)
                try:
                    yield
                finally:
                    await background.stop()

    app = make_app(settings, lifespan)
    add_pages(app)
    return app
