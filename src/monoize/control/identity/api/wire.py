"""The values that enter through the room's routes, with their bounds."""

import contextlib
import datetime as dt
import re
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from monoize.base.clock import utc_now
from monoize.control.edge.wire import STORABLE, Instant
from monoize.control.identity.model import (
    EMAIL_MOST,
    EMAIL_SHAPE,
    PASSWORD_MOST,
    canonical_email,
    canonical_network,
    is_reserved,
)

LIST_MOST = 200
LIMIT_MOST = 2**31 - 1
CACHE_TTL_S_MOST = 7 * 86_400
_AMOUNT = re.compile(r"^[0-9]{1,30}$")


def _unreserved(value: str) -> str:
    if is_reserved(value):
        raise ValueError("must not begin with _monoize_")
    return value


def _email(value: str) -> str:
    email = canonical_email(value)
    if email is None:
        raise ValueError("must be an e-mail address")
    return email


Username = Annotated[
    str, Field(min_length=3, max_length=22, pattern=r"^[A-Za-z0-9_]+$"), STORABLE, AfterValidator(_unreserved)
]
LoginName = Annotated[str, Field(min_length=1, max_length=254), STORABLE]
Password = Annotated[str, Field(min_length=1, max_length=PASSWORD_MOST), STORABLE]
PersonName = Annotated[str, Field(min_length=1, max_length=200), STORABLE]
ShortName = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^\S(.*\S)?$"), STORABLE]
TokenName = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$"), STORABLE]
Secret = Annotated[str, Field(min_length=1, max_length=512), STORABLE]
Email = Annotated[
    str, Field(min_length=3, max_length=EMAIL_MOST, pattern=EMAIL_SHAPE), STORABLE, AfterValidator(_email)
]
Group = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^\S+$"), STORABLE, AfterValidator(str.lower)]
ModelGlob = Annotated[str, Field(min_length=1, max_length=191, pattern=r"^\S+$"), STORABLE]


def _future(value: dt.datetime) -> dt.datetime:
    if value <= utc_now():
        raise ValueError("must lie in the future")
    return value


def _positive(value: str) -> str:
    if Decimal(value) <= 0:
        raise ValueError("must be greater than 0")
    return value


def _decimal(value: Any) -> int:
    if not isinstance(value, str) or not _AMOUNT.fullmatch(value):
        raise ValueError("must be a whole number as text, such as 5000000000")
    return int(value)


def _rfc3339(value: Any) -> dt.datetime:
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            return dt.datetime.fromisoformat(value)
    raise ValueError("must be a time as text, such as 2027-01-31T12:00:00Z")


def _network(value: str) -> str:
    try:
        return canonical_network(value)
    except ValueError:
        raise ValueError("must be an address or a network, such as 10.0.0.0/8") from None


Future = Annotated[Instant, AfterValidator(_future), BeforeValidator(_rfc3339)]
Network = Annotated[str, Field(min_length=2, max_length=64), STORABLE, AfterValidator(_network)]
Multiplier = Annotated[
    str, Field(max_length=20, pattern=r"^[0-9]{1,9}(\.[0-9]{1,9})?$"), STORABLE, AfterValidator(_positive)
]
Amount = Annotated[int, BeforeValidator(_decimal), WithJsonSchema({"type": "string", "pattern": _AMOUNT.pattern})]
"""A budget in nano-USD, as decimal text."""
CacheTtl = Annotated[int, Field(ge=1, le=CACHE_TTL_S_MOST)]
PositiveLimit = Annotated[int, Field(ge=1, le=LIMIT_MOST)]
