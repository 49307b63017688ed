"""A charge says which agent's request it was for, and an account what becomes of what it does not cover."""

from sqlalchemy import BigInteger, Column, Index

from monoize.infra.columns import EMPTY_OBJECT, Id, NanoUsd, created_at, text, updated_at
from monoize.migrations.steps import extend_table


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
        Column("agent_id", text(64)),
        Column("agent_record_id", text(64)),
        Index(None, "agent_id", "id"),
        Index(None, "agent_record_id", "id"),
        append_only=True,
    )
    extend_table(
        "users",
        Column("id", Id, primary_key=True),
        Column("hold_policy", text(16), nullable=False, server_default="reject"),
        Column("overdraft_nano_usd", NanoUsd, nullable=False, server_default="0"),
        updated_at(),
    )
