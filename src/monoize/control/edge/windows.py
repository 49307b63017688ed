"""Which page of a list is asked for: the query parameters `limit` and `cursor`, read for each kind of order."""

import base64
import binascii
import re
import uuid
from typing import Annotated, Final

from fastapi import Query

from monoize.base.errors import Invalid
from monoize.control.edge.wire import BIG_INTEGER_MOST, PAGE_MOST, Window

_RANKED: Final = re.compile(r"-?[0-9]{1,9} [0-9a-z-]{1,36}")
_MOMENT: Final = re.compile(r"-?[0-9]{1,15} [0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class BadCursor(Invalid):
    """This cursor was not made by this list."""

    code = "bad_cursor"
    hint = "Take `next_cursor` from the previous page as it is, or leave it away to start over."


def _opened(cursor: str) -> str:
    try:
        return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except (binascii.Error, ValueError):
        raise BadCursor from None


def _window(limit: int, cursor: str | None, form: re.Pattern[str]) -> Window:
    opened = None if cursor is None else _opened(cursor)
    if opened is not None and not form.fullmatch(opened):
        raise BadCursor
    return Window(limit, opened)


def uuid_window(
    limit: Annotated[int, Query(ge=1, le=PAGE_MOST)] = 50,
    cursor: Annotated[str | None, Query(max_length=100)] = None,
) -> Window:
    """Paging over rows with UUID ids."""
    if cursor is None:
        return Window(limit, None)
    try:
        return Window(limit, str(uuid.UUID(_opened(cursor))))
    except ValueError:
        raise BadCursor from None


def number_window(
    limit: Annotated[int, Query(ge=1, le=PAGE_MOST)] = 50,
    cursor: Annotated[str | None, Query(max_length=100)] = None,
) -> Window:
    """Paging over rows with counted ids."""
    if cursor is None:
        return Window(limit, None)
    opened = _opened(cursor)
    if not opened.isdecimal() or len(opened) > len(str(BIG_INTEGER_MOST)) or int(opened) > BIG_INTEGER_MOST:
        raise BadCursor
    return Window(limit, opened)


def ranked_window(
    limit: Annotated[int, Query(ge=1, le=PAGE_MOST)] = 50,
    cursor: Annotated[str | None, Query(max_length=100)] = None,
) -> Window:
    """Paging over rows in an order that people gave them: by rank, and by id where ranks are equal."""
    return _window(limit, cursor, _RANKED)


def moment_window(
    limit: Annotated[int, Query(ge=1, le=PAGE_MOST)] = 50,
    cursor: Annotated[str | None, Query(max_length=100)] = None,
) -> Window:
    """Paging over rows in order of time: by milliseconds since 1970, and by UUID where those are equal."""
    return _window(limit, cursor, _MOMENT)
