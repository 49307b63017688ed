"""The sums of each host and day of what hosts report."""

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    Index,
    PrimaryKeyConstraint,
)
from sqlalchemy import (
    text as sql,
)

from monoize.infra.columns import text
from monoize.migrations.steps import create_table


def upgrade() -> None:
    create_table(
        "reported_days",
        Column("host_id", BigInteger, nullable=False),
        Column("day", Date, nullable=False),
        Column("provider", text(64), nullable=False),
        Column("model", text(128), nullable=False),
        Column("tenant_id", text(36), nullable=False),
        Column("events", BigInteger, nullable=False, server_default=sql("0")),
        Column("total", BigInteger, nullable=False, server_default=sql("0")),
        Column("input_tokens", BigInteger, nullable=False, server_default=sql("0")),
        Column("output_tokens", BigInteger, nullable=False, server_default=sql("0")),
        Column("cached_tokens", BigInteger, nullable=False, server_default=sql("0")),
        Column("reasoning_tokens", BigInteger, nullable=False, server_default=sql("0")),
        Column("cost_nano", BigInteger, nullable=False, server_default=sql("0")),
        Column("unpriced", BigInteger, nullable=False, server_default=sql("0")),
        PrimaryKeyConstraint("host_id", "day", "provider", "model", "tenant_id"),
        Index(None, "day"),
    )
