"""The control plane's end of the wall in this process: what it tells data planes, here and in other processes."""

from monoize.control.bridge.budgets import LedgerBudgets, moved_by
from monoize.control.bridge.egress import Egress
from monoize.control.bridge.grants import GRANTS_REST_ON, KeyGrants
from monoize.control.bridge.intake import Intake
from monoize.control.bridge.snapshots import Snapshots
from monoize.control.bridge.wall import Changes, Wall
from monoize.control.edge.house import House
from monoize.control.identity.services import Identity
from monoize.gateway.keys import Keys
from monoize.gateway.refresher import Refresher
from monoize.infra.audit_log import Entry
from monoize.main.above import Above


class Bridge:
    def __init__(self, house: House, identity: Identity) -> None:
        self._audit_log = house.audit_log
        changes = Changes()
        self.snapshots = Snapshots(house.database, house.seal, changes.stops_moved)
        grants = KeyGrants(house.database, house.seal, identity.authenticator.key_used)
        budgets, intake = LedgerBudgets(house.database), Intake(house.database, house.seal)
        house.audit_log.observe(self.snapshots.changed)
        house.audit_log.observe(changes.changed)
        self.egress = Egress(house.database, house.seal)
        self.wall = Wall(house.seal, self.snapshots, grants, budgets, intake, changes, self.egress)
        self.above = Above(grants, budgets, intake, budgets.posting, lambda: self.snapshots.current)

    def tells(self, keys: Keys, refresher: Refresher) -> None:
        """The data plane of this process hears of a change before whoever made it is answered."""

        async def changed(entry: Entry) -> None:
            if entry.target_type in GRANTS_REST_ON:
                keys.forget()
            await refresher.moved(moved_by(entry))

        self._audit_log.observe(changed)
