"""Against forged requests: a browser's cookie counts only for requests that our own pages make.

Browsers say where a request comes from (`Sec-Fetch-Site`, else `Origin`). A cookie with neither is refused:
programs use a token instead.
"""

from urllib.parse import urlsplit

from starlette.requests import Request

from monoize.base.errors import Forbidden

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class ForeignOrigin(Forbidden):
    """A signed-in browser sent this request from another site."""

    code = "foreign_origin"
    hint = "Use Monoize's own pages, or send a token in the Authorization header instead of a cookie."


def check_same_origin(request: Request, public_url: str) -> None:
    """Refuse a state-changing request that did not come from one of our own pages."""
    if request.method in _SAFE_METHODS:
        return
    site = request.headers.get("sec-fetch-site")
    if site in ("same-origin", "none"):
        return
    origin = request.headers.get("origin")
    ours = {request.headers.get("host"), _host(public_url)} - {None}
    if site is None and origin and _host(origin) in ours:
        return
    raise ForeignOrigin


def _host(address: str) -> str | None:
    try:
        return urlsplit(address).netloc or None
    except ValueError:
        return None
