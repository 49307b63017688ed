"""The values that enter through the room's routes, with their bounds; and whose things are meant."""

from typing import Annotated, Final

from fastapi import Path, Query
from pydantic import AfterValidator, Field

from monoize.base.principal import Call, Permission
from monoize.control.compute.model.agents import AGENT_NAME_CHARS_MOST
from monoize.control.compute.model.channels import KEY_CHARS_MOST, KEYS_MOST, VALUE_CHARS_MOST
from monoize.control.compute.model.plans import AMOUNT_MOST, COUNT_MOST, PLAN_NAME, RATE_CENTS_MOST, plain_name
from monoize.control.edge.caller import NotPermitted
from monoize.control.edge.wire import STORABLE, Uuid

_NAMED: Final = r"^[a-z0-9][a-z0-9._-]{0,63}$"
_USER: Final = r"^(me|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$"
MILLICORES_MOST: Final = 1_000_000
MEGABYTES_MOST: Final = 4 * 2**20
GIGABYTES_MOST: Final = 1_000_000

PlanRef = Annotated[str, Path(pattern=_NAMED, description="Name or id.")]
PresetRef = Annotated[str, Path(pattern=_NAMED, description="Name or id.")]
UserRef = Annotated[str, Path(pattern=_USER, description="`me`, or the id of a user.")]
KindRef = Annotated[str, Path(max_length=64, pattern=r"^[a-z0-9-]+$", description="Of a channel.")]
NamedPlan = Annotated[str, Field(min_length=1, max_length=64, pattern=_NAMED), STORABLE]

PlanName = Annotated[
    str, Field(min_length=1, max_length=64, pattern=PLAN_NAME), STORABLE, AfterValidator(plain_name)
]
AgentName = Annotated[
    str, Field(min_length=1, max_length=AGENT_NAME_CHARS_MOST, pattern=r"^\S([^\x00-\x1f\x7f]*\S)?$"), STORABLE
]
RecordId = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[!-~]+$"), STORABLE]
Count = Annotated[int, Field(ge=0, le=COUNT_MOST)]
Amount = Annotated[int, Field(ge=0, le=AMOUNT_MOST)]
RateCents = Annotated[int, Field(ge=0, le=RATE_CENTS_MOST)]
BudgetCents = Annotated[int, Field(ge=0, le=10**12)]
Provider = Annotated[str, Field(min_length=1, max_length=32, pattern=r"^[a-z0-9_-]+$"), STORABLE]
Image = Annotated[str, Field(min_length=1, max_length=512, pattern=r"^\S([^\x00-\x1f\x7f]*\S)?$"), STORABLE]
Millicores = Annotated[int, Field(ge=1, le=MILLICORES_MOST)]
Megabytes = Annotated[int, Field(ge=1, le=MEGABYTES_MOST)]
Gigabytes = Annotated[int, Field(ge=0, le=GIGABYTES_MOST)]
CredentialName = Annotated[
    str, Field(min_length=1, max_length=KEY_CHARS_MOST, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$"), STORABLE
]
CredentialValue = Annotated[str, Field(min_length=1, max_length=VALUE_CHARS_MOST), STORABLE]
Credentials = Annotated[dict[CredentialName, CredentialValue], Field(min_length=1, max_length=KEYS_MOST)]
WebhookSecret = Annotated[str, Field(min_length=1, max_length=512), STORABLE]

Whose = Annotated[Uuid | None, Query(description="Another user's; needs compute.read.")]
Everybody = Annotated[bool, Query(description="All users'; needs compute.read.")]


def owner(call: Call, wanted: str | None, permission: Permission) -> str:
    """Who is meant: oneself, or with the permission somebody else."""
    principal = call.principal
    user_id = wanted or principal.user_id
    if user_id is None:
        raise NotPermitted(hint="A token has neither agents nor a plan: name a user with user_id.")
    if user_id != principal.user_id and not principal.may(permission):
        raise NotPermitted(needed=permission)
    return user_id


def owner_or_all(call: Call, user_id: str | None, *, everybody: bool) -> str | None:
    """None is everybody."""
    if not everybody:
        return owner(call, user_id, "compute.read")
    if not call.principal.may("compute.read"):
        raise NotPermitted(needed="compute.read")
    return None


def user_of(call: Call, named: str, permission: Permission) -> str:
    """Of a path that names a user."""
    return owner(call, None if named == "me" else named, permission)
