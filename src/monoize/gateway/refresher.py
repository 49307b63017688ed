"""Tells the holds of balances that have moved otherwise than by charges, as soon as they can be read."""

from collections.abc import Iterable

from monoize.base.errors import Unavailable
from monoize.gateway.meter import Budgets
from monoize.infra.holds import Holds


class Refresher:
    def __init__(self, holds: Holds, budgets: Budgets) -> None:
        self._holds = holds
        self._budgets = budgets
        # What could not be told at once, and is tried again.
        self._stale: set[str] = set()

    async def moved(self, budgets: Iterable[str]) -> None:
        for budget in budgets:
            await self._refresh(budget)

    async def doubt_all(self) -> None:
        """A balance that was read while another process was posting refuses too much until it is read again."""
        snapshot = await self._holds.snapshot()
        self._stale.update(budget.name for budget in snapshot.budgets if budget.is_open)

    async def run(self) -> None:
        for budget in tuple(self._stale):
            # Before reading: what is changed from now on is read at the next run.
            self._stale.discard(budget)
            await self._refresh(budget)

    async def _refresh(self, budget: str) -> None:
        """What moves again while it is read, or cannot be read now, stays on the list."""
        try:
            mark = await self._holds.mark(budget)
            told = await self._holds.refresh(budget, await self._budgets.balance(budget), mark)
        except Unavailable:
            told = False
        if not told:
            self._stale.add(budget)
