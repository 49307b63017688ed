"""From a template and values to an answer. Everything is escaped, and a misspelt name in a template is an error."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

import monoize
from monoize.base.clock import utc_now
from monoize.base.errors import Refusal, TooMany
from monoize.control.edge.wire import Page
from monoize.dashboard import components, static_files
from monoize.dashboard import format as formats
from monoize.dashboard.navigation import seen_by
from monoize.dashboard.notices import DONE
from monoize.dashboard.theme import theme_of

# A path of ours. Two slashes, or a backslash, would lead to another host.
_OUR_PATH: Final = re.compile(r"/(?!/)[!-\[\]-~]*")

_templates: Final = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    auto_reload=False,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.globals |= {
    "asset": static_files.address,
    "fetched": static_files.is_there,
    "now": utc_now,
    "version": monoize.__version__,
}
_templates.filters |= {name: getattr(formats, name) for name in formats.__all__}
components.install(_templates)


def render(
    request: Request,
    template: str,
    *,
    refusal: Refusal | None = None,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
    **context: Any,
) -> Response:
    """A page; with a refusal it has that refusal's status."""
    extra = dict(headers or {})
    if isinstance(refusal, TooMany):
        extra["retry-after"] = str(refusal.retry_after_s)
    person = getattr(request.state, "person", None)
    text = _templates.get_template(template).render(
        context,
        refusal=refusal,
        path=request.url.path,
        here=here(request),
        person=person,
        navigation=seen_by(person.may) if person else (),
        theme=theme_of(request),
        done=DONE.get(request.query_params.get("done", "")),
        paged="cursor" in request.query_params,
        request_id=request.state.request_id,
    )
    return HTMLResponse(text, status or (refusal.status if refusal else 200), extra)


def part(template: str, **context: Any) -> str:
    """A part of a page, as it is sent while somebody looks at the page."""
    return _templates.get_template(template).render(context)


def here(request: Request) -> str:
    """The address of this page within ours, with what was asked of it."""
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def our_address(address: str) -> str:
    """An address that came with a request, if it leads to one of our pages; else home."""
    return address if _OUR_PATH.fullmatch(address) else "/"


def see_other(address: str) -> Response:
    """Lead on after a post, so that reloading what follows posts nothing again."""
    return RedirectResponse(address, 303)


def next_address(request: Request, path: str, page: Page[Any]) -> str | None:
    """Where the list at `path` goes on, with the filters that were set; None at its end."""
    if page.next_cursor is None:
        return None
    kept = {name: value for name, value in request.query_params.items() if name not in ("cursor", "done")}
    return f"{path}?{urlencode({**kept, 'cursor': page.next_cursor})}"
