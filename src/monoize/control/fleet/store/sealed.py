"""Where the room keeps sealed values."""

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Row, select

from monoize.control.fleet.model.installs import key_place
from monoize.control.fleet.model.payloads import body_place, token_place
from monoize.control.fleet.tables import auth_entries, auth_payloads, install_tokens
from monoize.infra.resealing import Place, SealedValues, sealed_in

_ENTRIES: Final = select(
    auth_entries.c.id,
    auth_entries.c.target,
    auth_entries.c.token,
    auth_entries.c.meta,
    auth_payloads.c.pool_id,
    auth_payloads.c.sha256,
).join(auth_payloads, auth_payloads.c.id == auth_entries.c.payload_id)


def _entry(row: Row[Any]) -> Iterator[tuple[str, Place]]:
    place = token_place(row.pool_id, row.sha256, row.target)
    yield "token", place
    yield "meta", (*place, "meta")


SEALED: Final = (
    sealed_in(auth_payloads, "body", lambda row: body_place(row.pool_id, row.sha256)),
    SealedValues(auth_entries, _ENTRIES, _entry),
    sealed_in(install_tokens, "sealed_key", lambda row: key_place(row.token)),
)
