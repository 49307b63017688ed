"""Providers and channels say whose prices they pay and how long they may take; one row locks and counts routing."""

from alembic import op
from sqlalchemy import BigInteger, CheckConstraint, Column, Integer, column, insert, select, table

from monoize.infra.columns import text
from monoize.migrations.steps import create_table, extend_table


def upgrade() -> None:
    extend_table(
        "monoize_providers",
        Column("id", text(36), primary_key=True),
        Column("price_provider", text(64)),
        Column("connect_timeout_ms_override", Integer),
        Column("first_byte_timeout_ms_override", Integer),
        Column("idle_timeout_ms_override", Integer),
    )

    extend_table("monoize_channels", Column("id", text(36), primary_key=True), Column("price_provider", text(64)))

    create_table(
        "routing",
        Column("id", Integer, primary_key=True, autoincrement=False),
        Column("generation", BigInteger, nullable=False),
        CheckConstraint("id = 1", name="single_row"),
    )
    counted = table("routing", column("id"), column("generation"))
    if op.get_bind().scalar(select(counted.c.id)) is None:
        op.execute(insert(counted).values(id=1, generation=0))
