"""Light or dark: as the system has it, unless somebody chose. The choice is a cookie: no script runs first."""

from typing import Final, Literal, get_args

from starlette.requests import Request
from starlette.responses import Response

Theme = Literal["system", "light", "dark"]
THEMES: Final[tuple[Theme, ...]] = get_args(Theme)

_COOKIE: Final = "monoize_theme"
_KEPT_S: Final = 365 * 24 * 3600


def theme_of(request: Request) -> Theme:
    chosen = request.cookies.get(_COOKIE)
    return next((theme for theme in THEMES if theme == chosen), "system")


def remember(request: Request, answer: Response, theme: Theme) -> None:
    answer.set_cookie(
        _COOKIE, theme, max_age=_KEPT_S, path="/", secure=request.state.https, httponly=True, samesite="lax"
    )
