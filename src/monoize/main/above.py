"""What a data plane needs of the control plane, be it in this process or behind the wall."""

import contextlib
from collections.abc import Callable
from typing import NamedTuple

from monoize.contract.snapshot import Snapshot
from monoize.gateway.handover import Books
from monoize.gateway.keys import Grants
from monoize.gateway.meter import Budgets


class Above(NamedTuple):
    grants: Grants
    budgets: Budgets
    books: Books
    # Held while charges become part of a balance.
    posting: contextlib.AbstractAsyncContextManager[None]
    snapshot: Callable[[], Snapshot]
