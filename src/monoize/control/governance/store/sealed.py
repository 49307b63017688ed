"""Where the room keeps sealed values."""

from typing import Final

from monoize.control.governance.model.approvals import arguments_place
from monoize.control.governance.model.inventory import SECRET
from monoize.control.governance.tables import approvals, object_buckets
from monoize.infra.resealing import by_id, sealed_in

SEALED: Final = (
    sealed_in(approvals, "args_sealed", lambda row: arguments_place(row.id)),
    by_id(object_buckets, SECRET),
)
