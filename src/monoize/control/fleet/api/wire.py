"""The values that enter through the fleet's routes, with their bounds."""

from typing import Annotated, Final

from fastapi import Path
from pydantic import AfterValidator, Field

from monoize.control.edge.wire import STORABLE
from monoize.control.fleet.model.hosts import FQDN, FQDN_MOST, WINDOW_MINUTES_MOST, canonical_fqdn
from monoize.control.fleet.model.pools import POOL_NAME, pool_name
from monoize.control.fleet.model.versions import CLIENT_VERSION_MOST, canonical_version

TAGS_MOST: Final = 32
TARGETS_MOST: Final = 64
_HOST_ID_CHARS: Final = 18
_NAMED: Final = rf"^([0-9]{{1,{_HOST_ID_CHARS}}}|[A-Za-z0-9._-]{{1,{FQDN_MOST}}})$"

HostRef = Annotated[str, Path(min_length=1, max_length=FQDN_MOST, pattern=_NAMED, description="Name or id.")]
PoolRef = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[a-z0-9._-]+$", description="Name or id.")]

Fqdn = Annotated[
    str, Field(min_length=1, max_length=FQDN_MOST, pattern=FQDN), STORABLE, AfterValidator(canonical_fqdn)
]
PoolName = Annotated[
    str, Field(min_length=1, max_length=64, pattern=POOL_NAME), STORABLE, AfterValidator(pool_name)
]
NamedPool = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-z0-9._-]+$"), STORABLE]
ClientVersion = Annotated[
    str, Field(min_length=1, max_length=CLIENT_VERSION_MOST), STORABLE, AfterValidator(canonical_version)
]
Tag = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]*$"), STORABLE]
Target = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[!-~]+$"), STORABLE]
Tags = Annotated[list[Tag], Field(max_length=TAGS_MOST)]
Targets = Annotated[list[Target], Field(max_length=TARGETS_MOST)]
ModelName = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[!-~]+$"), STORABLE]
Effort = Annotated[str, Field(min_length=1, max_length=32, pattern=r"^[a-z]+$"), STORABLE]
WindowMinutes = Annotated[int, Field(ge=0, le=WINDOW_MINUTES_MOST)]
