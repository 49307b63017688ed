"""The shapes that cross HTTP: strict request bodies, pages, money as text.

Every text that enters has a bound and neither NUL nor lone surrogates, which databases refuse late and badly.
"""

import base64
import dataclasses
import datetime as dt
from collections.abc import Callable, Collection, Sequence
from typing import Annotated, Any, Final, Generic, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer

from monoize.base.errors import Invalid

PAGE_MOST = 200
BIG_INTEGER_MOST = 2**63 - 1


class NotClearable(Invalid):
    """These fields can be changed but not cleared."""

    code = "not_clearable"
    hint = "Leave a field away to keep it as it is."


def storable(value: str) -> str:
    """The text itself; ValueError when no database would take it."""
    if "\x00" in value:
        raise ValueError("must not contain NUL characters")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("must be valid Unicode") from None
    return value


STORABLE: Final = AfterValidator(storable)
"""Marks a text that every database can store, behind its bound: `Annotated[str, Field(max_length=…), STORABLE]`."""


def _utc(value: dt.datetime) -> dt.datetime:
    try:
        return value.astimezone(dt.UTC)
    except OverflowError:
        raise ValueError("lies outside of the calendar") from None


Instant = Annotated[AwareDatetime, AfterValidator(_utc)]
"""A moment, in UTC whatever the offset it was written with."""

NanoUsd = Annotated[int, PlainSerializer(str, return_type=str, when_used="json")]
"""Money on the wire: decimal text of nano-USD, since JSON numbers lose digits in many clients."""

Uuid = Annotated[str, Field(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]


class Wire(BaseModel):
    """A request body: unknown fields are refused, so that a misspelt one cannot be ignored."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)

    def sent(self, *, clearable: Collection[str] = ()) -> dict[str, Any]:
        """What a PATCH names. Null clears a `clearable` field and is refused for any other."""
        values = self.model_dump(exclude_unset=True)
        wrong = [name for name, value in values.items() if value is None and name not in clearable]
        if wrong:
            raise NotClearable(fields=wrong)
        return values


Item = TypeVar("Item")


@dataclasses.dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    items: Sequence[Item]
    next_cursor: str | None


@dataclasses.dataclass(frozen=True, slots=True)
class Window:
    """Which part of a list is asked for: at most `limit` rows that come after `after`, newest first."""

    limit: int
    after: str | None

    def page(self, found: Sequence[Item], key: Callable[[Item], object]) -> Page[Item]:
        """Of `limit + 1` found rows show `limit`; the extra one only tells that there is more."""
        shown = found[: self.limit]
        more = len(found) > self.limit
        return Page(shown, _cursor(key(shown[-1])) if more else None)


def _cursor(key: object) -> str:
    return base64.urlsafe_b64encode(str(key).encode()).decode().rstrip("=")
