"""A generation: one whole configuration of nginx, and what came of it."""

import dataclasses
import datetime as dt
from typing import Literal


@dataclasses.dataclass(frozen=True, slots=True)
class Generation:
    """`generation` is the digest by which nginx itself proves that it serves this one."""

    id: int
    generation: str
    status: Literal["served", "failed"]
    active: bool
    routes: int
    error: str | None
    created_at: dt.datetime
