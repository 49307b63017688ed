"""What was served by nginx of late."""

from collections.abc import Sequence

from monoize.control.projects.model.generations import Generation
from monoize.control.projects.store import generations
from monoize.infra.db import Tx


async def newest(tx: Tx) -> Sequence[Generation]:
    return await generations.newest(tx)
