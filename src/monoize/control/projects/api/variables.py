"""How variables cross HTTP: their names and values as requests bring them."""

from typing import Annotated

from fastapi import Path
from pydantic import AfterValidator, Field

from monoize.control.edge.wire import BIG_INTEGER_MOST, STORABLE, Wire
from monoize.control.projects.model import env
from monoize.control.projects.model.env import NewValue


def _bounded(value: str) -> str:
    if len(value.encode()) > env.VALUE_BYTES_MOST:
        raise ValueError(f"must have at most {env.VALUE_BYTES_MOST} bytes")
    return value


def _other_than_mask(value: str) -> str:
    """A masked value that somebody sends back would destroy the real one."""
    if value == env.MASK:
        raise ValueError("is what masked values look like; leave the variable out to keep it")
    return value


Key = Annotated[str, Field(pattern=env.KEY, max_length=128)]
NamedKey = Annotated[str, Path(max_length=128), STORABLE]
"""Of a variable that is asked for: whatever no variable can be called is simply not there."""
Value = Annotated[
    str,
    Field(max_length=env.VALUE_BYTES_MOST),
    STORABLE,
    AfterValidator(_bounded),
    AfterValidator(_other_than_mask),
]
Id = Annotated[int, Path(ge=1, le=BIG_INTEGER_MOST)]


class ValueSent(Wire):
    """What is not said to be public is secret: sealed, and never shown again."""

    value: Value
    is_secret: bool = True

    def read(self) -> NewValue:
        return NewValue(self.value, self.is_secret)


Values = Annotated[dict[Key, ValueSent], Field(min_length=1, max_length=env.KEYS_MOST)]
