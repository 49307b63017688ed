"""Where the room keeps sealed values."""

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Row, select

from monoize.control.identity.model import FOREIGN_CREDENTIALS, credential_place
from monoize.control.identity.tables import accounts
from monoize.infra.resealing import Place, SealedValues


def _account(row: Row[Any]) -> Iterator[tuple[str, Place]]:
    for name in FOREIGN_CREDENTIALS:
        yield name, credential_place(row.provider, row.provider_account_id, name)


SEALED: Final = (SealedValues(accounts, select(accounts), _account),)
