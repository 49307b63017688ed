"""The audit log and the end of its hash chain."""

from alembic import op
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    column,
    insert,
    select,
    table,
)

from monoize.infra.columns import (
    Id,
    Timestamp,
    big_integer_ref,
    integer_key,
    text,
)
from monoize.migrations.steps import create_table


def upgrade() -> None:
    create_table(
        "logs",
        integer_key(),
        Column("host_id", big_integer_ref(), ForeignKey("hosts.id", ondelete="SET NULL"), index=True),
        Column("action", text(64), nullable=False, index=True),
        Column("details", text()),
        Column("actor", text(191), nullable=False, index=True),
        # The service token that acted in somebody else's name, if one did.
        Column("via", text(191)),
        Column("tenant_id", Id, index=True),
        Column("target_type", text(64)),
        Column("target_id", text(191)),
        Column("request_id", text(64), nullable=False),
        Column("ip", text(64)),
        Column("seq", BigInteger, nullable=False, unique=True),
        Column("prev_hash", text(64), nullable=False),
        Column("row_hash", text(64), nullable=False),
        Column("created_at", Timestamp, nullable=False, index=True),
        Index("ix_logs_target", "target_type", "target_id"),
        append_only=True,
    )

    create_table(
        "audit_head",
        Column("id", Integer, primary_key=True, autoincrement=False),
        Column("seq", BigInteger, nullable=False),
        Column("row_hash", text(64), nullable=False),
        CheckConstraint("id = 1", name="single_row"),
    )
    head = table("audit_head", column("id"), column("seq"), column("row_hash"))
    if op.get_bind().scalar(select(head.c.id)) is None:
        op.execute(insert(head).values(id=1, seq=0, row_hash="0" * 64))
