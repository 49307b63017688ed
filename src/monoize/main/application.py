"""The ASGI application: the API and the pages, with everything behind them opened and closed by its lifespan."""

import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI

from monoize.control.app import make_app
from monoize.control.identity import tasks
from monoize.dashboard.app import add_pages
from monoize.infra.background import Background
from monoize.infra.settings import Settings
from monoize.main.house import open_house


def make_application(settings: Settings) -> FastAPI:
    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_house(settings) as (house, identity):
            app.state.house, app.state.identity = house, identity
            background = Background()
            tasks.schedule(background, house.database, identity.authenticator)
            try:
                yield
            finally:
                await background.stop()

    app = make_app(settings, lifespan)
    add_pages(app)
    return app
