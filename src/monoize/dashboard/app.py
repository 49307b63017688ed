"""Adds the pages to the control API's application. `main` calls `add_pages` once, after the API's own routes.

An address that is nobody's is answered by a page when a browser asks, and as before when a program does.
"""

import importlib
import pkgutil
from collections.abc import Awaitable, Callable, Iterator
from typing import Final, cast

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from monoize.control.edge.routers import Router
from monoize.dashboard import pages
from monoize.dashboard.page import no_such_page, refused
from monoize.dashboard.static_files import MOUNT, StaticFiles


def _routers() -> Iterator[Router]:
    """Those of all modules below `pages`, so that adding a page touches nothing that others touch."""
    for found in pkgutil.walk_packages(pages.__path__, pages.__name__ + "."):
        router = getattr(importlib.import_module(found.name), "router", None)
        if isinstance(router, Router):
            yield router


ROUTERS: Final[tuple[Router, ...]] = tuple(_routers())
_Handler = Callable[[Request, Exception], Awaitable[Response]]

_FOR_PROGRAMS: Final = frozenset({"api", "v1", "healthz"})


def add_pages(app: FastAPI) -> None:
    for router in ROUTERS:
        router.take_in(app)
    app.mount(MOUNT, StaticFiles())
    as_before = cast(_Handler, app.exception_handlers[HTTPException])
    app.add_exception_handler(HTTPException, _or_page(as_before))


def _or_page(for_programs: _Handler) -> _Handler:
    """Show a browser a page where nothing answers at an address; leave everything else to `for_programs`."""

    async def answer(request: Request, exc: Exception) -> Response:
        assert isinstance(exc, HTTPException)
        if exc.status_code in (404, 405) and _wants_page(request):
            return refused(request, no_such_page(), status=exc.status_code, headers=exc.headers)
        return await for_programs(request, exc)

    return answer


def _wants_page(request: Request) -> bool:
    first = request.url.path.strip("/").partition("/")[0]
    return (
        request.method == "GET" and first not in _FOR_PROGRAMS and "text/html" in request.headers.get("accept", "")
    )
