"""Keys of governed agents, what gates decided of each request, policies in shadow, and what agents have spent."""

from sqlalchemy import BigInteger, Column, Index

from monoize.infra.columns import EMPTY_LIST, Id, text, updated_at
from monoize.migrations.steps import create_table, extend_table


def upgrade() -> None:
    extend_table(
        "api_keys",
        Column("id", Id, primary_key=True),
        # No reference: whose record is gone may do nothing, rather than everything.
        Column("agent_record_id", text(64), index=True),
    )
    extend_table(
        "agent_ai_sam",
        Column("id", text(64), primary_key=True),
        # Names of the policies that are only tried out.
        Column("shadow_policies_json", text(), server_default=EMPTY_LIST),
    )
    extend_table(
        "request_logs",
        Column("id", Id, primary_key=True),
        Column("created_at_unix_ms", BigInteger, nullable=False, index=True),
        Column("agent_record_id", text(64)),
        # What the gates said of it, each with its rule and numbers.
        Column("decisions_json", text()),
        Index(None, "agent_record_id", "created_at_unix_ms"),
    )
    create_table(
        "agent_spending",
        Column("account", text(160), primary_key=True),
        Column("spent_nano_usd", BigInteger, nullable=False),
        updated_at(),
    )
