"""How much is spent of budgets, for those who only want to notice: known to a few seconds."""

import time
from collections import OrderedDict
from typing import Final

from monoize.base.errors import Unavailable
from monoize.contract.gates.windows import Account
from monoize.gateway.meter import Budgets

FRESH_S: Final = 5.0
KNOWN_MOST: Final = 10_000


class Spent:
    """Nobody is refused by it: where the control plane is away, nothing is noticed."""

    def __init__(self, budgets: Budgets) -> None:
        self._budgets = budgets
        self._known: OrderedDict[str, tuple[int | None, float]] = OrderedDict()

    async def of(self, account: Account) -> int | None:
        known = self._known.get(account.name)
        if known is not None and time.monotonic() - known[1] < FRESH_S:
            return known[0]
        try:
            left = await self._budgets.balance(account.budget)
        except Unavailable:
            left = None
        found = None if left is None else account.limit_nano - left
        self._known[account.name] = found, time.monotonic()
        self._known.move_to_end(account.name)
        if len(self._known) > KNOWN_MOST:
            self._known.popitem(last=False)
        return found
