"""Hosts form pools, each with a canonical credential of its own; what they report, may do, and are warned about."""

from typing import Any

from alembic import op
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    UniqueConstraint,
    column,
    false,
    func,
    insert,
    select,
    table,
    true,
    update,
)
from sqlalchemy import (
    text as sql,
)

from monoize.infra.columns import (
    Id,
    Timestamp,
    big_integer_ref,
    created_at,
    integer_key,
    text,
    updated_at,
)
from monoize.migrations.steps import create_table, extend_table

DEFAULT_POOL_ID = "00000000-0000-7000-8000-00000000f1ee"


def upgrade() -> None:
    _create_pools()
    _extend_hosts()
    _extend_payloads()
    _create_enrolment()
    _create_reports()
    _create_default_pool()


def _pool(*, ondelete: str, **options: Any) -> "Column[str]":
    return Column("pool_id", Id, ForeignKey("fleet_pools.id", ondelete=ondelete), **options)


def _host(*, ondelete: str, **options: Any) -> "Column[int]":
    return Column("host_id", big_integer_ref(), ForeignKey("hosts.id", ondelete=ondelete), **options)


def _create_pools() -> None:
    create_table(
        "fleet_pools",
        Column("id", Id, primary_key=True),
        Column("name", text(64), nullable=False, unique=True),
        Column("tool", text(16), nullable=False, server_default="codex"),
        Column("mode", text(16), nullable=False, server_default="shared"),
        Column("validation", text(16), nullable=False, server_default="off"),
        Column("payloads_kept", Integer, nullable=False, server_default=sql("20")),
        Column("inactivity_days", Integer, nullable=False, server_default=sql("30")),
        Column("quota_hard_fail", Boolean, nullable=False, server_default=true()),
        Column("quota_limit_percent", Integer, nullable=False, server_default=sql("100")),
        Column("quota_week_partition", Integer, nullable=False, server_default=sql("0")),
        Column("silent", Boolean, nullable=False, server_default=false()),
        Column("client_version", text(64)),
        Column("refresh_lease_owner", text(36)),
        Column("refresh_lease_until", Timestamp),
        Column("refresh_failed_at", Timestamp),
        Column("refresh_error", text(64)),
        Column("refresh_generation", BigInteger, nullable=False, server_default=sql("0")),
        created_at(),
        updated_at(),
        CheckConstraint("tool IN ('codex', 'claude', 'gemini')", name="tool"),
        CheckConstraint("mode IN ('shared', 'hub', 'api_key', 'gateway')", name="mode"),
        CheckConstraint("validation IN ('required', 'advisory', 'off')", name="validation"),
        CheckConstraint("quota_week_partition IN (0, 5, 7)", name="quota_week_partition"),
    )


def _extend_hosts() -> None:
    extend_table(
        "hosts",
        integer_key(),
        _pool(ondelete="RESTRICT", index=True),
        Column("user_id", Id, ForeignKey("users.id", ondelete="SET NULL"), index=True),
        Column("gateway_key_id", Id, ForeignKey("api_keys.id", ondelete="SET NULL"), index=True),
        Column("secure", Boolean, nullable=False, server_default=true()),
        Column("vip", Boolean, nullable=False, server_default=false()),
        Column("expires_at", Timestamp),
        Column("last_seen_at", Timestamp),
        Column("insecure_enabled_until", Timestamp),
        Column("insecure_window_minutes", Integer, nullable=False, server_default=sql("10")),
        Column("allowed_targets", JSON(none_as_null=True)),
        Column("tags", JSON(none_as_null=True)),
        Column("client_version_override", text(64)),
        Column("model_override", text(128)),
        Column("reasoning_effort_override", text(32)),
    )


def _extend_payloads() -> None:
    extend_table(
        "auth_payloads",
        integer_key(),
        _pool(ondelete="CASCADE"),
        Column("origin", text(32), nullable=False, server_default="host"),
        Index(None, "pool_id", "id"),
    )
    extend_table(
        "chatgpt_usage_snapshots",
        integer_key(),
        Column("fetched_at", Timestamp, nullable=False),
        _pool(ondelete="CASCADE"),
        Index(None, "pool_id", "fetched_at"),
    )


def _create_enrolment() -> None:
    extend_table("install_tokens", integer_key(), Column("sealed_key", text()))

    create_table(
        "seed_links",
        integer_key(),
        Column("token", text(64), nullable=False, unique=True),
        _pool(ondelete="CASCADE", nullable=False, index=True),
        Column("base_url", text(255), nullable=False),
        Column("expires_at", Timestamp, nullable=False, index=True),
        Column("used_at", Timestamp),
        created_at(),
    )

    create_table(
        "host_users",
        integer_key(),
        _host(ondelete="CASCADE", nullable=False),
        Column("username", text(255), nullable=False),
        Column("hostname", text(255)),
        Column("first_seen", Timestamp, nullable=False),
        Column("last_seen", Timestamp, nullable=False),
        UniqueConstraint("host_id", "username"),
    )

    create_table(
        "host_refresh_tokens",
        Column("digest", text(64), primary_key=True),
        _host(ondelete="CASCADE", nullable=False, index=True),
        Column("generation", BigInteger, nullable=False),
        created_at(),
        Column("replaced_at", Timestamp),
    )

    create_table(
        "fleet_files",
        Column("id", Id, primary_key=True),
        _pool(ondelete="CASCADE"),
        Column("kind", text(16), nullable=False),
        Column("name", text(255), nullable=False),
        Column("sha256", text(64), nullable=False),
        Column("body", text(), nullable=False),
        Column("description", text()),
        Column("argument_hint", text(255)),
        Column("revision", Integer, nullable=False, server_default=sql("1")),
        Column("deleted_at", Timestamp),
        created_at(),
        updated_at(),
        UniqueConstraint("pool_id", "kind", "name"),
        CheckConstraint("kind IN ('config', 'agents', 'prompt', 'skill')", name="kind"),
    )


def _create_reports() -> None:
    create_table(
        "token_usage_ingests",
        integer_key(),
        _host(ondelete="SET NULL", index=True),
        Column("idempotency_key", text(191), unique=True),
        Column("entries", Integer, nullable=False),
        Column("total", BigInteger),
        Column("input_tokens", BigInteger),
        Column("output_tokens", BigInteger),
        Column("cached_tokens", BigInteger),
        Column("reasoning_tokens", BigInteger),
        Column("cost_nano", BigInteger),
        Column("client_ip", text(64)),
        created_at(),
        Index(None, "created_at"),
    )

    extend_table(
        "token_usages",
        integer_key(),
        Column(
            "ingest_id", big_integer_ref(), ForeignKey("token_usage_ingests.id", ondelete="SET NULL"), index=True
        ),
        Column("cost_nano", BigInteger),
        Column("unpriced", Boolean, nullable=False, server_default=false()),
        Column("price_id", text(36)),
    )

    create_table(
        "fleet_alerts",
        Column("id", Id, primary_key=True),
        Column("kind", text(32), nullable=False),
        Column("subject", text(191), nullable=False),
        _host(ondelete="SET NULL", index=True),
        _pool(ondelete="CASCADE", index=True),
        Column("details", JSON, nullable=False),
        Column("raised_at", Timestamp, nullable=False),
        Column("last_seen_at", Timestamp, nullable=False),
        Column("resolved_at", Timestamp),
        Index(None, "resolved_at", "kind"),
        CheckConstraint(
            "kind IN ('stale_host', 'validation_failing', 'quota_near', 'new_ip', 'clone_detected',"
            " 'refresh_failing', 'canonical_invalid')",
            name="kind",
        ),
    )


def _create_default_pool() -> None:
    pools = table("fleet_pools", column("id", Id), column("name"))
    if op.get_bind().scalar(select(func.count()).select_from(pools)) == 0:
        op.execute(insert(pools).values(id=DEFAULT_POOL_ID, name="default"))
    for name in ("hosts", "auth_payloads"):
        members = table(name, column("pool_id", Id))
        op.execute(update(members).where(members.c.pool_id.is_(None)).values(pool_id=DEFAULT_POOL_ID))

    versions = table("versions", column("name"), column("version"))
    pointer = "canonical_payload_id"
    if op.get_bind().scalar(select(versions.c.name).where(versions.c.name == pointer)) is None:
        op.execute(insert(versions).values(name=pointer, version=""))
