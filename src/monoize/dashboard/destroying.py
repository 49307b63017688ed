"""What destroys is asked for on a page of its own, which says what will be gone and wants the name of it."""

import dataclasses
from collections.abc import Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from monoize.dashboard.forms import Form, invalid
from monoize.dashboard.render import render

_EMPTY: Final = Form()


@dataclasses.dataclass(frozen=True, slots=True)
class Doomed:
    """What it is and what it is called; `gone` says in whole sentences what is lost with it."""

    what: str
    name: str
    gone: str
    action: str
    """Where the form is posted to."""
    back: str
    verb: str = "Delete"
    facts: Sequence[tuple[str, str]] = ()


def ask_name(request: Request, doomed: Doomed, form: Form = _EMPTY) -> Response:
    return render(request, "layout/destroy.html", doomed=doomed, form=form, refusal=form.refusal)


def check_name(form: Form, doomed: Doomed) -> None:
    if form.text("name") != doomed.name:
        raise invalid(name=f"This is not the name of the {doomed.what}.")
