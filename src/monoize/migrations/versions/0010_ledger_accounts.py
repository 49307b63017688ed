"""Each ledger row gets its place in one account and a seal; each account its end and its sums of each day."""

from sqlalchemy import BigInteger, Column, Index, PrimaryKeyConstraint

from monoize.infra.columns import EMPTY_OBJECT, Id, NanoUsd, created_at, text
from monoize.migrations.steps import create_table, extend_table


def upgrade() -> None:
    extend_table(
        "billing_ledger",
        Column("id", Id, primary_key=True),
        Column("user_id", text(36), nullable=False),
        Column("api_key_id", text(36), index=True),
        Column("kind", text(64), nullable=False),
        Column("request_id", text(191)),
        Column("delta_nano_usd", NanoUsd, nullable=False),
        Column("balance_after_nano_usd", NanoUsd),
        Column("meta_json", text(), nullable=False, server_default=EMPTY_OBJECT),
        created_at(),
        Column("account_id", text(36)),
        Column("account_seq", BigInteger),
        Column("row_mac", text(64)),
        Index("ux_billing_ledger_kind_request_id", "kind", "request_id", unique=True),
        Index("ux_billing_ledger_account_id_account_seq", "account_id", "account_seq", unique=True),
        Index(None, "user_id", "created_at"),
        Index(None, "user_id", "id"),
        append_only=True,
    )

    create_table(
        "ledger_heads",
        Column("account_id", text(36), primary_key=True),
        Column("last_seq", BigInteger, nullable=False),
        Column("chain", text(64), nullable=False),
    )

    create_table(
        "ledger_days",
        Column("account_id", text(36), nullable=False),
        Column("day", text(10), nullable=False),
        Column("kind", text(64), nullable=False),
        Column("api_key_id", text(36), nullable=False),
        Column("user_id", text(36), nullable=False),
        Column("entries", BigInteger, nullable=False),
        Column("total_nano_usd", NanoUsd, nullable=False),
        PrimaryKeyConstraint("account_id", "day", "kind", "api_key_id"),
        Index(None, "user_id", "day"),
    )
