"""Adds the pages to the control API's application. `main` calls `add_pages` once, after the API's own routes.

An address that is nobody's is answered by a page when a browser asks, and as before when a program does.
"""

from collections.abc import Awaitable, Callable
from typing import Final, cast

from fastapi import APIRouter, FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from monoize.dashboard.page import no_such_page, refused
from monoize.dashboard.pages import account, audit, home, keys, setup, sign_in, users, verification
from monoize.dashboard.static_files import MOUNT, StaticFiles

ROUTERS: Final[tuple[APIRouter, ...]] = (
    home.router,
    setup.router,
    sign_in.router,
    verification.router,
    keys.router,
    account.router,
    users.router,
    audit.router,
)
_Handler = Callable[[Request, Exception], Awaitable[Response]]

_FOR_PROGRAMS: Final = frozenset({"api", "v1", "healthz"})


def add_pages(app: FastAPI) -> None:
    for router in ROUTERS:
        app.include_router(router)
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
