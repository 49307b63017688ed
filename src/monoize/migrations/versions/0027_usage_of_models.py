"""What calls add up to without whose they are, and indexes that find the newest requests of a model or a key.

What was added up before is added up once more here, in one statement for each table.
"""

from typing import Any, Final

from sqlalchemy import BigInteger, Column, Index, PrimaryKeyConstraint, Select, column, func, select, table
from sqlalchemy import text as sql

from monoize.infra.columns import Id, text
from monoize.migrations.steps import create_table, drop_indexes, extend_table, fill_table

_KEY: Final = ("at_ms", "tenant_id", "provider", "model", "served_model")
_FIGURES: Final = (
    *("calls", "failed", "unanswered", "estimated", "unpriced"),
    *(
        "input_tokens",
        "output_tokens",
        "cache_creation_input_tokens",
        "cache_read_input_tokens",
        "reasoning_tokens",
    ),
    *("cost_nano", "charge_nano", "saved_nano", "most_saved_nano", "unmeasured"),
    *("compared", "compared_estimate_nano", "compared_charge_nano"),
    *("first_bytes", "first_byte_ms", "duration_ms"),
    *("within_100ms", "within_250ms", "within_500ms", "within_1s", "within_2500ms", "within_5s", "within_10s"),
    *("within_30s", "within_60s", "within_120s", "within_300s", "beyond_300s"),
)


def upgrade() -> None:
    for name, summed_up in (("usage_model_hours", "usage_hours"), ("usage_model_days", "usage_days")):
        create_table(
            name,
            Column("at_ms", BigInteger, nullable=False),
            Column("tenant_id", text(36), nullable=False),
            Column("provider", text(64), nullable=False),
            Column("model", text(191), nullable=False),
            Column("served_model", text(191), nullable=False),
            *(Column(figure, BigInteger, nullable=False, server_default=sql("0")) for figure in _FIGURES),
            PrimaryKeyConstraint(*_KEY),
        )
        fill_table(name, [*_KEY, *_FIGURES], _of_models(summed_up))
    extend_table(
        "request_logs",
        Column("id", Id, primary_key=True),
        Column("api_key_id", text(36)),
        Column("model", text(191), nullable=False),
        Column("created_at_unix_ms", BigInteger, nullable=False),
        Index(None, "api_key_id", "created_at_unix_ms"),
        Index(None, "model", "created_at_unix_ms"),
    )
    # The new ones begin with the same column.
    drop_indexes("request_logs", ("ix_request_logs_api_key_id", "ix_request_logs_model"))


def _of_models(summed_up: str) -> Select[Any]:
    sums = table(summed_up, *map(column, (*_KEY, *_FIGURES))).c
    key = [sums[name] for name in _KEY]
    return select(*key, *(func.sum(sums[name]) for name in _FIGURES)).group_by(*key)
