"""From a template and values to an answer. Everything is escaped, and a misspelt name in a template is an error."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

import monoize
from monoize.base.errors import Refusal, TooMany
from monoize.control.edge.wire import Page
from monoize.dashboard import static_files
from monoize.dashboard.format import day, facts, moment, program, role, short_id, usd
from monoize.dashboard.navigation import NAVIGATION
from monoize.dashboard.notices import DONE

_templates: Final = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    auto_reload=False,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.globals |= {"asset": static_files.address, "navigation": NAVIGATION, "version": monoize.__version__}
_templates.filters |= {
    function.__name__: function for function in (day, facts, moment, program, role, short_id, usd)
}


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
    text = _templates.get_template(template).render(
        context,
        refusal=refusal,
        path=request.url.path,
        person=getattr(request.state, "person", None),
        done=DONE.get(request.query_params.get("done", "")),
        paged="cursor" in request.query_params,
        request_id=request.state.request_id,
    )
    return HTMLResponse(text, status or (refusal.status if refusal else 200), extra)


def see_other(address: str) -> Response:
    """Lead on after a post, so that reloading what follows posts nothing again."""
    return RedirectResponse(address, 303)


def next_address(request: Request, path: str, page: Page[Any]) -> str | None:
    """Where the list at `path` goes on, with the filters that were set; None at its end."""
    if page.next_cursor is None:
        return None
    kept = {name: value for name, value in request.query_params.items() if name not in ("cursor", "done")}
    return f"{path}?{urlencode({**kept, 'cursor': page.next_cursor})}"
