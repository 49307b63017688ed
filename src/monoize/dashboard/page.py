"""What makes a route a page: foreign posts are refused, strangers are sent to sign in, refusals are shown.

Every page is declared on a router from `page_router`. Whatever a page does not handle itself ends here, an
exception that nobody mapped as a page with status 500 and one logged traceback.
"""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final
from urllib.parse import quote

import structlog
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from monoize.base.errors import NotFound, Refusal, Unauthenticated
from monoize.control.edge.house import house_of
from monoize.control.edge.problem import InternalError
from monoize.control.edge.routers import Router
from monoize.control.edge.same_origin import check_same_origin
from monoize.control.identity.api.entrance import forget_cookie
from monoize.dashboard.render import here, render, see_other

log = structlog.get_logger("monoize.request")

SIGN_IN: Final = "/login"
NEXT_MOST: Final = 2048


class PageRoute(APIRoute):
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def page(request: Request) -> Response:
            try:
                check_same_origin(request, house_of(request).settings.public_url)
                return await answer(request)
            except Unauthenticated:
                return _to_sign_in(request)
            except Refusal as refusal:
                return refused(request, refusal)
            except RequestValidationError:
                # Forms are read by the pages themselves, so it is the address that makes no sense.
                return refused(request, no_such_page())
            except Exception:  # The last rung: a person is answered with a page, whatever happened.
                log.exception("request_failed", method=request.method, path=self.path)
                return refused(request, InternalError())

        return page


def page_router() -> Router:
    return Router(route_class=PageRoute, include_in_schema=False)


def refused(
    request: Request, refusal: Refusal, *, status: int | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """A page that says no and nothing else."""
    return render(request, "layout/refused.html", refusal=refusal, status=status, headers=headers)


def no_such_page() -> NotFound:
    hint = "Check the address for a misspelling, or start from the home page."
    return NotFound("There is no page at this address.", hint=hint)


def _to_sign_in(request: Request) -> Response:
    """Ask who it is, and afterwards lead back to what was asked for. A cookie that is worth nothing goes."""
    asked = here(request)
    back = request.method == "GET" and asked != "/" and len(asked) <= NEXT_MOST
    answer = see_other(f"{SIGN_IN}?next={quote(asked, safe='/')}" if back else SIGN_IN)
    forget_cookie(request, answer)
    return answer
