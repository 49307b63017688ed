"""Posted forms, read into the request bodies of the API: the same bounds, the same refusals.

A `Form` is what a page is filled with: empty at first, and after a refusal with what was entered and what was
wrong with it. Passwords are never among what it shows again: only `field` in templates/components fills in.
"""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

from pydantic import ValidationError
from starlette.requests import Request

from monoize.base.errors import BadRequest, Invalid, Refusal
from monoize.control.edge.wire import Wire

FIELDS_MOST: Final = 100
_AGAIN: Final = "_again"

Body = TypeVar("Body", bound=Wire)


def invalid(**fields: str) -> Invalid:
    """A refusal that says at each wrong field what is wrong with it."""
    return Invalid("Some of what you entered cannot be used.", wrong=fields)


_EXPECTED: Final[Mapping[str, str]] = {
    "username": "Use 3 to 22 letters, digits or underscores. Names that begin with _monoize_ are taken.",
    "email": "Use an address such as name@example.com.",
    "password": "This is too long.",
    "current_password": "This is too long.",
    "new_password": "This is too long.",
    "name": "This is too long.",
    "ip_whitelist": "Use addresses or networks such as 203.0.113.7 or 10.0.0.0/8, one on each line.",
    "role": "Choose one of the roles.",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Form:
    values: Mapping[str, str] = dataclasses.field(default_factory=dict)
    refusal: Refusal | None = None

    def refused(self, refusal: Refusal) -> "Form":
        return dataclasses.replace(self, refusal=refusal)

    def shown(self, name: str) -> str:
        return self.values.get(name, "")

    def error(self, name: str) -> str | None:
        wrong: Mapping[str, str] = self.refusal.details.get("wrong", {}) if self.refusal else {}
        return wrong.get(name)

    def text(self, name: str) -> str | None:
        """What was entered, without the blanks around it; None when that is nothing."""
        return self.shown(name).strip() or None

    def lines(self, name: str) -> list[str]:
        return [line.strip() for line in self.shown(name).splitlines() if line.strip()]

    def password(self, name: str) -> str | None:
        """A password as it was typed: blanks belong to it."""
        return self.shown(name) or None

    def check_repeated(self, name: str) -> None:
        if self.password(name) != self.password(name + _AGAIN):
            raise invalid(**{name + _AGAIN: "This is not what you entered above."})


async def read_form(request: Request) -> Form:
    try:
        pairs = parse_qsl(
            (await request.body()).decode(), keep_blank_values=True, errors="strict", max_num_fields=FIELDS_MOST
        )
    except ValueError:
        raise BadRequest("This form cannot be read.", hint="Go back, reload the page and try again.") from None
    return Form(dict(pairs))


def checked(kind: type[Body], expected: Mapping[str, str] = MappingProxyType({}), /, **values: Any) -> Body:
    """A request body of the API made from what was entered, or a refusal that names each wrong field.

    `expected` says of a field what it takes, for those whose names are not known here.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as problem:
        errors = problem.errors(include_url=False, include_context=False)
        raise invalid(**{str(error["loc"][0]): _sentence(error, expected) for error in errors}) from None


def _sentence(error: Mapping[str, Any], expected: Mapping[str, str]) -> str:
    if error["input"] is None:
        return "Fill this in."
    name = str(error["loc"][0])
    return expected.get(name) or _EXPECTED.get(name, "This cannot be used.")
