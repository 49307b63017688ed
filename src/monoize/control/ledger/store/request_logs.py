"""SQL of the request log."""

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Any

import msgspec
from sqlalchemy import select

from monoize.contract.events import Charged
from monoize.control.ledger.tables import request_logs
from monoize.infra.bulk import insert_many, is_one_of
from monoize.infra.db import Tx


async def known(tx: Tx, ids: Collection[str]) -> set[str]:
    if not ids:
        return set()
    query = select(request_logs.c.id).where(is_one_of(tx, request_logs.c.id, ids))
    return set((await tx.execute(query)).scalars())


async def add(tx: Tx, events: Sequence[Charged]) -> None:
    await insert_many(tx, request_logs, [_row(event) for event in events])


def _row(event: Charged) -> dict[str, Any]:
    assert event.log is not None
    about = msgspec.structs.asdict(event.log)
    multiplier = about.pop("multiplier")
    return {
        **about,
        "is_stream": int(event.log.is_stream),
        "provider_multiplier": multiplier,
        "id": event.id,
        "request_id": event.request_id,
        "user_id": event.user_id,
        "api_key_id": event.api_key_id,
        "charge_nano_usd": event.charge_nano,
        "billing_breakdown_json": bytes(event.breakdown).decode(),
        "created_at": dt.datetime.fromtimestamp(event.at_ms / 1000, dt.UTC),
        "created_at_unix_ms": event.at_ms,
    }
