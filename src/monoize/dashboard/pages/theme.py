"""/theme: light, dark, or as the system has it. For strangers too."""

from starlette.requests import Request
from starlette.responses import Response

from monoize.dashboard.forms import invalid, read_form
from monoize.dashboard.page import page_router
from monoize.dashboard.render import our_address, see_other
from monoize.dashboard.theme import THEMES, remember

router = page_router()


@router.post("/theme")
async def choose(request: Request) -> Response:
    form = await read_form(request)
    theme = next((theme for theme in THEMES if theme == form.text("theme")), None)
    if theme is None:
        raise invalid(theme="Choose one of these.")
    answer = see_other(our_address(form.shown("next")))
    remember(request, answer, theme)
    return answer
