"""What the ledger keeps beside its tables: those who watch the request log, and the folder of captures."""

import dataclasses

from starlette.requests import HTTPConnection

from monoize.control.ledger.actions.live import LiveRequests
from monoize.control.ledger.drivers.capture_files import CaptureFiles


@dataclasses.dataclass(frozen=True, slots=True)
class Ledger:
    live: LiveRequests
    captures: CaptureFiles


def ledger_of(connection: HTTPConnection) -> Ledger:
    ledger: Ledger = connection.app.state.ledger
    return ledger
