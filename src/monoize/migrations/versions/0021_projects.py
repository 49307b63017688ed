"""Services as they run: releases, operations, ports, links; environments; and what leads to them."""

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    UniqueConstraint,
    false,
    true,
)
from sqlalchemy import (
    text as sql,
)

from monoize.infra.columns import (
    EMPTY_LIST,
    EMPTY_OBJECT,
    Id,
    Timestamp,
    big_integer_ref,
    created_at,
    integer_key,
    text,
    updated_at,
)
from monoize.migrations.steps import create_table, extend_table, relax_table


def upgrade() -> None:
    _environments()
    _services()
    _routes()
    _certificates()
    _deployments()
    _releases()
    _removals()
    _secrets()
    _safety()


def _services() -> None:
    extend_table(
        "projects",
        integer_key(),
        Column("description", text(1000)),
        Column("deleting_at", Timestamp),
        updated_at(),
    )
    extend_table(
        "services",
        integer_key(),
        Column("description", text(1000)),
        # What the next release is made of, beside image, env and ports.
        Column("command", JSON(none_as_null=True)),
        Column("volumes", JSON(none_as_null=True)),
        Column("limits", JSON(none_as_null=True)),
        Column("health", JSON(none_as_null=True)),
        Column("deploy", JSON(none_as_null=True)),
        Column("restart", text(16), nullable=False, server_default="unless-stopped"),
        Column("replicas", Integer, nullable=False, server_default=sql("1")),
        Column("stop_grace_s", Integer, nullable=False, server_default=sql("10")),
        Column("registry_id", big_integer_ref(), ForeignKey("registries.id", ondelete="RESTRICT"), index=True),
        # What is wanted of it, and since when it is to go.
        Column("desired_state", text(16), nullable=False, server_default="running"),
        Column("deleting_at", Timestamp),
        # The release that serves. No reference, since releases refer to their service.
        Column("release_id", big_integer_ref()),
        # What was seen of it; `unknown` is a state.
        Column("observed_state", text(16), nullable=False, server_default="unknown"),
        Column("observed_at", Timestamp),
        Column("state_reason", text(500)),
        Column("drifted", Boolean, nullable=False, server_default=false()),
        Column("last_exit_code", Integer),
        Column("restart_count", Integer, nullable=False, server_default=sql("0")),
        Column("restart_window_at", Timestamp),
        Column("crash_looping", Boolean, nullable=False, server_default=false()),
        Column("health_status", text(16), nullable=False, server_default="unknown"),
        Column("health_detail", text(500)),
        Column("health_failures", Integer, nullable=False, server_default=sql("0")),
        Column("last_probe_at", Timestamp),
        updated_at(),
    )
    create_table(
        "service_links",
        Column("service_id", big_integer_ref(), ForeignKey("services.id", ondelete="CASCADE"), nullable=False),
        Column(
            "target_id",
            big_integer_ref(),
            ForeignKey("services.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        created_at(),
        PrimaryKeyConstraint("service_id", "target_id"),
    )
    create_table(
        "published_ports",
        integer_key(),
        Column(
            "service_id",
            big_integer_ref(),
            ForeignKey("services.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        # Empty for a port that somebody asked for: that belongs to the service, whichever release serves.
        Column("release_id", big_integer_ref()),
        Column("replica", Integer),
        Column("container_port", Integer, nullable=False),
        Column("protocol", text(3), nullable=False, server_default="tcp"),
        Column("host_ip", text(45), nullable=False, server_default="127.0.0.1"),
        Column("host_port", Integer, nullable=False),
        created_at(),
        UniqueConstraint("protocol", "host_port"),
        Index("ix_published_ports_release", "release_id"),
        CheckConstraint("protocol IN ('tcp', 'udp')", name="protocol"),
        CheckConstraint("host_port BETWEEN 1 AND 65535", name="host_port"),
    )


def _routes() -> None:
    relax_table(
        "routes",
        integer_key(),
        Column("service_id", big_integer_ref(), ForeignKey("services.id", ondelete="CASCADE"), index=True),
        Column("domain", text(253), nullable=False),
        Column("path", text(255), nullable=False, server_default="/"),
        Column("port", Integer, nullable=False),
        Column("tls", Boolean, nullable=False, server_default=false()),
        Column("target", text(16), nullable=False, server_default="service"),
        Column("machine_id", Id, ForeignKey("vpses.id", ondelete="CASCADE"), index=True),
        # What differs from the usual terms.
        Column("options", JSON(none_as_null=True)),
        Column("domain_id", big_integer_ref(), ForeignKey("domains.id", ondelete="RESTRICT"), index=True),
        created_at(),
        updated_at(),
        Index("ux_routes_domain_path", "domain", "path", unique=True),
        Index("ix_routes_domain", "domain"),
        CheckConstraint("port BETWEEN 1 AND 65535", name="port"),
        CheckConstraint("target IN ('service', 'machine', 'gateway')", name="target"),
        without=("ux_routes_service_domain",),
    )
    create_table(
        "upstream_members",
        Column("service_id", big_integer_ref(), ForeignKey("services.id", ondelete="CASCADE"), nullable=False),
        Column("container_port", Integer, nullable=False),
        Column("address", text(64), nullable=False),
        PrimaryKeyConstraint("service_id", "container_port", "address"),
    )
    create_table(
        "proxy_generations",
        integer_key(),
        Column("generation", text(64), nullable=False, index=True),
        Column("status", text(16), nullable=False),
        # 1 for the one in force, else empty: so there is never a second.
        Column("active", Integer, unique=True),
        Column("routes", Integer, nullable=False),
        Column("error", text()),
        created_at(),
        CheckConstraint("status IN ('served', 'failed')", name="status"),
        CheckConstraint("active = 1", name="active"),
    )


def _certificates() -> None:
    extend_table(
        "certificates",
        integer_key(),
        Column("names", JSON, nullable=False, server_default=EMPTY_LIST),
        # SHA-256 of the leaf, under which nginx finds it.
        Column("fingerprint", text(64)),
        # When somebody asked for it anew, who works on it, and how near its end it was when somebody was warned.
        Column("renew_at", Timestamp),
        Column("lease_until", Timestamp),
        Column("warned_days", Integer),
        updated_at(),
    )
    extend_table(
        "domains",
        integer_key(),
        Column("found", JSON(none_as_null=True)),
        Column("error", text(500)),
        updated_at(),
    )
    create_table(
        "acme_accounts",
        integer_key(),
        Column("directory_url", text(255), nullable=False, unique=True),
        # Empty until the authority has answered: the key is kept first, so that no account is made twice.
        Column("uri", text(2048)),
        Column("thumbprint", text(64), nullable=False),
        Column("key_sealed", text(), nullable=False),
        created_at(),
    )


def _deployments() -> None:
    relax_table(
        "deployments",
        integer_key(),
        Column(
            "project_id",
            big_integer_ref(),
            ForeignKey("projects.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        Column("service_id", big_integer_ref(), ForeignKey("services.id", ondelete="CASCADE"), nullable=False),
        Column("image_tag", text(512), nullable=False),
        Column("image_digest", text(71)),
        Column("config", JSON(none_as_null=True)),
        Column("status", text(16), nullable=False, server_default="queued"),
        Column("reason", text()),
        Column("error", text()),
        # What is done, by whom it was asked for, and which release it leads from and to.
        Column("kind", text(16), nullable=False, server_default="deploy"),
        Column("release_id", big_integer_ref()),
        Column("previous_release_id", big_integer_ref()),
        Column("build_id", big_integer_ref()),
        Column("requested_by", text(191)),
        # How it is about to end, once that is known, and what was seen.
        Column("outcome", text(16)),
        Column("error_code", text(64)),
        Column("evidence", JSON(none_as_null=True)),
        Column("cancel_requested", Boolean, nullable=False, server_default=false()),
        # Who works on it, and until when that is believed without a sign of life.
        Column("lease_owner", text(64)),
        Column("lease_until", Timestamp),
        Column("takeovers", Integer, nullable=False, server_default=sql("0")),
        Column("attempts", Integer, nullable=False, server_default=sql("0")),
        Column("deadline_at", Timestamp),
        Column("soak_until", Timestamp),
        Column("started_at", Timestamp),
        Column("finished_at", Timestamp),
        # The service while this is under way, and while it waits: the database keeps it to one of each.
        Column("open_service_id", big_integer_ref()),
        Column("waiting_service_id", big_integer_ref()),
        created_at(),
        updated_at(),
        Index("ux_deployments_open", "open_service_id", unique=True),
        Index("ux_deployments_waiting", "waiting_service_id", unique=True),
        Index("ix_deployments_service", "service_id", "created_at"),
        CheckConstraint(
            "status IN ('pending', 'pulling', 'starting', 'probing', 'switching', 'draining', 'retiring', 'live', "
            "'rolled_back', 'queued', 'running', 'success', 'failed')",
            name="status",
        ),
    )


def _releases() -> None:
    create_table(
        "releases",
        integer_key(),
        Column("service_id", big_integer_ref(), ForeignKey("services.id", ondelete="CASCADE"), nullable=False),
        Column("number", Integer, nullable=False),
        Column("image", text(512), nullable=False),
        Column("image_id", text(71), nullable=False),
        Column("repo_digest", text(600)),
        Column("config", JSON, nullable=False),
        Column("config_hash", text(64), nullable=False),
        # Its environment as it was, sealed, so that nothing that is deleted later spoils a rollback.
        Column("env_sealed", text(), nullable=False),
        Column("secret_versions", JSON, nullable=False),
        Column("route_generation", big_integer_ref()),
        Column("build_id", big_integer_ref()),
        Column("hook_done_at", Timestamp),
        Column("proven_at", Timestamp),
        Column("pruned_at", Timestamp),
        created_at(),
        UniqueConstraint("service_id", "number"),
    )
    create_table(
        "builds",
        integer_key(),
        Column(
            "project_id",
            big_integer_ref(),
            ForeignKey("projects.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        Column("service_id", big_integer_ref(), ForeignKey("services.id", ondelete="CASCADE"), nullable=False),
        Column("repository", text(512), nullable=False),
        Column("ref", text(255), nullable=False),
        Column("context", text(255), nullable=False),
        Column("dockerfile", text(255), nullable=False),
        Column("build_args", JSON, nullable=False, server_default=EMPTY_OBJECT),
        Column("deploys", Boolean, nullable=False, server_default=true()),
        Column("reason", text(255)),
        Column("requested_by", text(191)),
        Column("status", text(16), nullable=False, server_default="queued"),
        Column("commit_id", text(64)),
        Column("image", text(512)),
        Column("image_id", text(71)),
        Column("deployment_id", big_integer_ref()),
        Column("error", text()),
        Column("cancel_requested", Boolean, nullable=False, server_default=false()),
        Column("lease_owner", text(64)),
        Column("lease_until", Timestamp),
        Column("takeovers", Integer, nullable=False, server_default=sql("0")),
        Column("open_service_id", big_integer_ref(), unique=True),
        created_at(),
        Column("started_at", Timestamp),
        Column("finished_at", Timestamp),
        Index("ix_builds_service", "service_id", "created_at"),
        Index("ix_builds_status", "status", "lease_until"),
        CheckConstraint("status IN ('queued', 'running', 'success', 'failed', 'cancelled')", name="status"),
    )
    create_table(
        "operation_lines",
        integer_key(),
        Column("deployment_id", big_integer_ref(), ForeignKey("deployments.id", ondelete="CASCADE"), index=True),
        Column("build_id", big_integer_ref(), ForeignKey("builds.id", ondelete="CASCADE"), index=True),
        Column("kind", text(16), nullable=False),
        Column("line", text(), nullable=False),
        created_at(),
    )
    create_table(
        "service_sources",
        Column(
            "service_id",
            big_integer_ref(),
            ForeignKey("services.id", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        Column("repository", text(512), nullable=False),
        Column("branch", text(255), nullable=False),
        Column("context", text(255), nullable=False, server_default="."),
        Column("dockerfile", text(255), nullable=False, server_default="Dockerfile"),
        Column("build_args", JSON, nullable=False, server_default=EMPTY_OBJECT),
        Column("auto_deploy", Boolean, nullable=False, server_default=false()),
        Column("credential_sealed", text()),
        created_at(),
        updated_at(),
    )
    create_table(
        "project_webhooks",
        Column(
            "project_id",
            big_integer_ref(),
            ForeignKey("projects.id", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        Column("secret_sealed", text(), nullable=False),
        created_at(),
        updated_at(),
    )
    create_table(
        "webhook_deliveries",
        integer_key(),
        Column("project_id", big_integer_ref(), ForeignKey("projects.id", ondelete="CASCADE"), nullable=False),
        Column("delivery_id", text(64), nullable=False),
        Column("event", text(64), nullable=False),
        Column("repository", text(512)),
        Column("branch", text(255)),
        Column("commit_id", text(64)),
        Column("outcome", text(16), nullable=False),
        Column("reason", text(255)),
        Column("build_ids", JSON, nullable=False, server_default=EMPTY_LIST),
        created_at(),
        UniqueConstraint("project_id", "delivery_id"),
        CheckConstraint("outcome IN ('accepted', 'ignored')", name="outcome"),
    )


def _removals() -> None:
    create_table(
        "removals",
        integer_key(),
        Column("kind", text(16), nullable=False),
        # No references: the row tells what became of things that are gone.
        Column("project_id", big_integer_ref(), nullable=False, index=True),
        Column("service_id", big_integer_ref()),
        Column("name", text(191), nullable=False),
        Column("with_volumes", Boolean, nullable=False, server_default=false()),
        Column("state", text(16), nullable=False, server_default="waiting"),
        # One line for each thing that was taken away, or that stands in the way.
        Column("evidence", JSON, nullable=False, server_default=EMPTY_LIST),
        Column("error", text(1000)),
        Column("attempts", Integer, nullable=False, server_default=sql("0")),
        Column("next_at", Timestamp, nullable=False),
        Column("requested_by", text(191), nullable=False),
        created_at(),
        Column("ended_at", Timestamp),
        Index("ix_removals_state", "state", "next_at"),
        CheckConstraint("kind IN ('service', 'project')", name="kind"),
        CheckConstraint("state IN ('waiting', 'done')", name="state"),
    )


def _environments() -> None:
    create_table(
        "environments",
        integer_key(),
        Column("name", text(63), nullable=False, unique=True),
        Column("kind", text(16), nullable=False),
        Column("description", text(500)),
        Column("inherits_id", big_integer_ref(), ForeignKey("environments.id", ondelete="RESTRICT"), index=True),
        created_at(),
        updated_at(),
        CheckConstraint("kind IN ('development', 'staging', 'production', 'testing')", name="kind"),
    )
    create_table(
        "environment_variables",
        integer_key(),
        Column(
            "environment_id", big_integer_ref(), ForeignKey("environments.id", ondelete="CASCADE"), nullable=False
        ),
        Column("key", text(128), nullable=False),
        Column("is_secret", Boolean, nullable=False, server_default=false()),
        Column("sealed", text(), nullable=False),
        Column("version", Integer, nullable=False, server_default=sql("1")),
        created_at(),
        updated_at(),
        UniqueConstraint("environment_id", "key"),
    )
    extend_table(
        "services",
        integer_key(),
        Column("environment_id", big_integer_ref(), ForeignKey("environments.id", ondelete="RESTRICT"), index=True),
        updated_at(),
    )


def _secrets() -> None:
    extend_table(
        "secrets",
        integer_key(),
        Column("version", Integer, nullable=False, server_default=sql("1")),
        updated_at(),
    )
    create_table(
        "secret_versions",
        integer_key(),
        Column("secret_id", big_integer_ref(), ForeignKey("secrets.id", ondelete="CASCADE"), nullable=False),
        Column("version", Integer, nullable=False),
        Column("sealed", text(), nullable=False),
        Column("created_by", text(191), nullable=False),
        Column("created_at", Timestamp, nullable=False),
        UniqueConstraint("secret_id", "version"),
    )


def _safety() -> None:
    # Ids of the only projects that a token reaches; NULL is all of them.
    extend_table("tokens", integer_key(), Column("projects", JSON(none_as_null=True)))
    # Of the master key that secrets are sealed with since it was rotated; NULL while it never was.
    extend_table(
        "audit_head",
        Column("id", Integer, primary_key=True, autoincrement=False),
        Column("key_id", text(8)),
    )
