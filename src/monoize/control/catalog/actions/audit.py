"""Looking through the price book for what may be wrong with it."""

import dataclasses
from collections.abc import Sequence
from typing import Final

from monoize.base.clock import utc_now
from monoize.control.catalog.model.findings import Finding, findings
from monoize.control.catalog.store import mirrors, prices
from monoize.infra.db import Tx

PRICES_MOST: Final = 20_000
FINDINGS_MOST: Final = 1_000


@dataclasses.dataclass(frozen=True, slots=True)
class AuditReport:
    """`complete` is false when there are more prices or findings than were looked at."""

    prices: int
    findings: Sequence[Finding]
    complete: bool


async def examine(tx: Tx) -> AuditReport:
    now = utc_now()
    held = await prices.holding(tx, int(now.timestamp()), most=PRICES_MOST + 1)
    found = findings(
        held[:PRICES_MOST],
        now,
        active_without_rates=await mirrors.unpriced_active_models(tx, most=FINDINGS_MOST),
        active_with_fast_mode=await mirrors.fast_active_models(tx, most=FINDINGS_MOST),
    )
    complete = len(held) <= PRICES_MOST and len(found) <= FINDINGS_MOST
    return AuditReport(min(len(held), PRICES_MOST), found[:FINDINGS_MOST], complete)
