"""A rule by which one name of a model means another, as keys and the whole house have them."""

import dataclasses
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from monoize.base.patterns import PATTERN_CHARS_MOST, Pattern
from monoize.control.edge.wire import STORABLE, Wire

KEY_REDIRECTS_MOST: Final = 32


@dataclasses.dataclass(frozen=True, slots=True)
class ModelRedirect:
    """Every name that `pattern` matches means the model `replace`."""

    pattern: str
    replace: str


def _pattern(text: str) -> str:
    Pattern(text)
    return text


class RedirectRule(Wire):
    """`pattern` is a regular expression for all of a name; `replace` is taken as it is."""

    pattern: Annotated[str, Field(min_length=1, max_length=PATTERN_CHARS_MOST), STORABLE, AfterValidator(_pattern)]
    replace: Annotated[str, Field(min_length=1, max_length=191, pattern=r"^\S+$"), STORABLE]

    def value(self) -> ModelRedirect:
        return ModelRedirect(self.pattern, self.replace)
