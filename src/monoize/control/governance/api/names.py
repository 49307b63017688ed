"""The values by which limits and approvals are spoken of, with their bounds."""

import contextlib
import datetime as dt
import re
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from monoize.base.clock import utc_now
from monoize.control.edge.wire import STORABLE, Instant

_AMOUNT: Final = r"^[0-9]{1,18}$"
_NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9_.:/-]*$"


def _rfc3339(value: Any) -> dt.datetime:
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            return dt.datetime.fromisoformat(value)
    raise ValueError("must be a time as text, such as 2027-01-31T12:00:00Z")


def _future(value: dt.datetime) -> dt.datetime:
    if value <= utc_now():
        raise ValueError("must lie in the future")
    return value


RoleName = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"), STORABLE]
OperationName = Annotated[str, Field(min_length=1, max_length=64, pattern=_NAME), STORABLE]
ToolName = Annotated[str, Field(min_length=1, max_length=128, pattern=_NAME), STORABLE]
OperationGlob = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.:/-]*\*?$"), STORABLE]
"""A name, or the beginning of one and a star."""
ToolGlob = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9_.:/-]*\*?$"), STORABLE]
Reason = Annotated[str, Field(min_length=1, max_length=500), STORABLE]
Moment = Annotated[Instant, BeforeValidator(_rfc3339)]
Until = Annotated[Instant, AfterValidator(_future), BeforeValidator(_rfc3339)]
AgentId = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"), STORABLE]


def _whole_number(value: Any) -> int:
    if not isinstance(value, str) or not re.fullmatch(_AMOUNT, value):
        raise ValueError("must be a whole number as text, such as 5000000000")
    return int(value)


Amount = Annotated[int, BeforeValidator(_whole_number), WithJsonSchema({"type": "string", "pattern": _AMOUNT})]
"""Money in nano-USD, as decimal text."""
