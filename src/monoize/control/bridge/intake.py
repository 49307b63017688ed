"""From a spool into the database: charges, request logs and telemetry, a batch in one transaction, each once.

Whatever is posted again is recognised by its request id.
"""

from collections.abc import Sequence

import structlog

from monoize.base.errors import Refusal, Unavailable
from monoize.contract.events import Charged, decode
from monoize.contract.wall import Rejected
from monoize.control.governance.actions import spending
from monoize.control.ledger.actions.charges import post_charges
from monoize.control.ledger.actions.logs import log_requests
from monoize.control.ledger.model.entries import Charge, OfAgent
from monoize.control.telemetry.actions import calls as telemetry
from monoize.infra.db import Database
from monoize.infra.sealed import Seal
from monoize.infra.spool import Entry

log = structlog.get_logger(__name__)


class Intake:
    def __init__(self, database: Database, seal: Seal) -> None:
        self._database = database
        self._seal = seal

    async def post(self, entries: Sequence[Entry]) -> Sequence[Rejected]:
        try:
            await self._post(entries)
        except Unavailable:
            raise
        except (Refusal, ValueError):
            found = [await self._post_alone(place, entry) for place, entry in enumerate(entries)]
            return [rejected for rejected in found if rejected is not None]
        return ()

    async def _post_alone(self, place: int, entry: Entry) -> Rejected | None:
        try:
            await self._post([entry])
        except Unavailable:
            raise
        except (Refusal, ValueError) as problem:
            log.exception("charge_rejected", request_id=entry.id)
            return Rejected(place, f"{type(problem).__name__}: {problem}")
        return None

    async def _post(self, entries: Sequence[Entry]) -> None:
        events = [decode(entry.content) for entry in entries]
        charges = [_charge(event) for event in events]
        async with self._database.write() as tx:
            charged = await post_charges(tx, self._seal, charges)
            await spending.add_up(tx, await log_requests(tx, events))
            await telemetry.record(tx, events)
        for request_id in charged.conflicting:
            log.error("charge_conflicts", request_id=request_id)


def _charge(event: Charged) -> Charge:
    return Charge(
        request_id=event.request_id,
        user_id=event.user_id,
        amount_nano_usd=event.charge_nano,
        api_key_id=event.api_key_id,
        of_agent=_agent(event),
        meta=_facts(event),
    )


def _agent(event: Charged) -> OfAgent:
    return OfAgent(
        agent_id=event.call.agent_id if event.call else event.agent_id,
        agent_record_id=event.log.agent_record_id if event.log else None,
    )


def _facts(event: Charged) -> dict[str, object]:
    """What its owner reads beside the money. What it cost us, and by whose service, is not theirs to know."""
    facts: dict[str, object] = {"estimated": True} if event.is_estimated else {}
    return facts | {"model": event.log.model} if event.log else facts
