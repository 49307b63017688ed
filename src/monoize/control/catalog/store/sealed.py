"""Where the room keeps sealed values."""

from typing import Final

from monoize.control.catalog.model.providers import credential_place
from monoize.control.catalog.tables import monoize_channels
from monoize.infra.resealing import sealed_in

SEALED: Final = (sealed_in(monoize_channels, "api_key", lambda row: credential_place(row.id)),)
