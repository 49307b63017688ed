"""The routes of the room, a file for each noun, and what they need of other rooms."""

from monoize.control.catalog.actions.proposals import CountAdministrators
from monoize.control.catalog.api import (
    configuration,
    imports,
    names,
    pending,
    prices,
    providers,
    transforms,
    upstreams,
)
from monoize.control.edge.routers import Router


def router(count_administrators: CountAdministrators) -> Router:
    return Router.joined(
        prices.router,
        imports.router,
        pending.router(count_administrators),
        providers.router,
        upstreams.router,
        names.router,
        transforms.router,
        configuration.router,
    )
