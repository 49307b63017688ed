"""Texts as cells of a table that people open with a spreadsheet. Pure."""

from typing import Final

# What a spreadsheet takes for the beginning of a formula, or skips before it looks for one.
_FORMULA_BEGINS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", " ")


def plain(text: str) -> str:
    """The text as a cell that no spreadsheet runs as a formula."""
    return f"'{text}" if text.startswith(_FORMULA_BEGINS) else text
