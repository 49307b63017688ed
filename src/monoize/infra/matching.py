"""What people search for by a part of its name, alike on every engine."""

from typing import Any

from sqlalchemy import ColumnElement, func

TEXT_CHARS_MOST = 64


def contains(column: ColumnElement[Any], text: str) -> ColumnElement[bool]:
    """Whether `text` is somewhere in it, in capitals or not; `%` and `_` stand for themselves.

    No index helps: for tables of thousands of rows, not of millions.
    """
    return func.lower(column).contains(text.lower(), autoescape=True)
