"""SQL of the mark that plans and presets were planted: a unique row decides who does it."""

from typing import Final

from sqlalchemy import exc, insert

from monoize.control.identity.store import versions
from monoize.control.identity.tables import versions as table
from monoize.infra.db import Tx

_MARK: Final = "compute_plans_planted"


class PlantedElsewhere(Exception):
    """Another process was faster. This transaction is of no use any more."""


async def is_planted(tx: Tx) -> bool:
    return await versions.value(tx, _MARK) is not None


async def claim(tx: Tx) -> None:
    try:
        await tx.execute(insert(table).values(name=_MARK, version="1"))
    except exc.IntegrityError as problem:
        raise PlantedElsewhere from problem
