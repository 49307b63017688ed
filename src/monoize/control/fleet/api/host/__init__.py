"""What hosts call. The same routes lie at the root, where couriers know them, and under /api/fleet/host."""

from monoize.control.edge.routers import Router
from monoize.control.fleet.api.host import auth, files, install, seeds, tokens, usage, users, versions, wrapper


def router() -> Router:
    parts = (auth, tokens, users, usage, files, versions, install, wrapper)
    return Router.joined(*(part.router for part in parts), seeds.scripts, seeds.documents)
