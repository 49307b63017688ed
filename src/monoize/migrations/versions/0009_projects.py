"""Projects, services, routes, releases, secrets."""

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    UniqueConstraint,
    false,
    true,
)
from sqlalchemy import (
    text as sql,
)

from monoize.infra.columns import (
    Timestamp,
    big_integer_ref,
    created_at,
    integer_key,
    text,
    updated_at,
)
from monoize.migrations.steps import create_table


def upgrade() -> None:
    create_table(
        "projects",
        integer_key(),
        Column("name", text(64), nullable=False),
        created_at(),
        updated_at(),
        Index("ux_projects_name", "name", unique=True),
    )

    create_table(
        "services",
        integer_key(),
        Column("project_id", big_integer_ref(), ForeignKey("projects.id", ondelete="CASCADE"), nullable=False),
        Column("name", text(63), nullable=False),
        Column("image", text(512), nullable=False),
        Column("env", JSON(none_as_null=True)),
        Column("ports", JSON(none_as_null=True)),
        created_at(),
        updated_at(),
        Index("ux_services_project_name", "project_id", "name", unique=True),
    )

    create_table(
        "routes",
        integer_key(),
        Column("service_id", big_integer_ref(), ForeignKey("services.id", ondelete="CASCADE"), nullable=False),
        Column("domain", text(253), nullable=False),
        Column("path", text(255), nullable=False, server_default="/"),
        Column("port", Integer, nullable=False),
        Column("tls", Boolean, nullable=False, server_default=false()),
        created_at(),
        updated_at(),
        Index("ux_routes_service_domain", "service_id", "domain", unique=True),
        Index("ux_routes_domain_path", "domain", "path", unique=True),
        Index("ix_routes_domain", "domain"),
        CheckConstraint("port BETWEEN 1 AND 65535", name="port"),
    )

    create_table(
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
        # What a rollback returns to: the very bytes of the image and the service as it was configured.
        Column("image_digest", text(71)),
        Column("config", JSON(none_as_null=True)),
        Column("status", text(16), nullable=False, server_default="queued"),
        Column("reason", text()),
        Column("error", text()),
        created_at(),
        updated_at(),
        Index("ix_deployments_service", "service_id", "created_at"),
        CheckConstraint("status IN ('queued', 'running', 'success', 'failed')", name="status"),
    )

    create_table(
        "secrets",
        integer_key(),
        Column("service_id", big_integer_ref(), ForeignKey("services.id", ondelete="CASCADE"), nullable=False),
        Column("key", text(128), nullable=False),
        # Whether the value may be shown again; at rest every value is sealed.
        Column("is_secret", Boolean, nullable=False, server_default=false()),
        Column("sealed", text(), nullable=False),
        created_at(),
        updated_at(),
        UniqueConstraint("service_id", "key"),
    )

    create_table(
        "registries",
        integer_key(),
        Column("name", text(64), nullable=False, unique=True),
        Column("type", text(16), nullable=False),
        Column("server", text(255), nullable=False),
        Column("username", text(255), nullable=False),
        Column("password_sealed", text(), nullable=False),
        created_at(),
        updated_at(),
        CheckConstraint("type IN ('ghcr', 'ecr', 'dockerhub', 'generic')", name="type"),
    )

    create_table(
        "certificates",
        integer_key(),
        Column("domain", text(253), nullable=False, unique=True),
        Column("type", text(16), nullable=False, server_default="uploaded"),
        Column("status", text(16), nullable=False, server_default="pending", index=True),
        Column("issuer", text(255)),
        Column("not_before", Timestamp),
        Column("not_after", Timestamp, index=True),
        # The leaf first, then its chain.
        Column("cert_pem", text()),
        Column("key_sealed", text()),
        Column("auto_renew", Boolean, nullable=False, server_default=true()),
        Column("failures", Integer, nullable=False, server_default=sql("0")),
        Column("retry_at", Timestamp),
        Column("error", text()),
        created_at(),
        updated_at(),
        CheckConstraint("type IN ('uploaded', 'acme')", name="type"),
        CheckConstraint("status IN ('pending', 'active', 'expired', 'failed')", name="status"),
    )

    create_table(
        "domains",
        integer_key(),
        Column("name", text(253), nullable=False, unique=True),
        Column("status", text(16), nullable=False, server_default="pending", index=True),
        Column("provider", text(32)),
        Column("zone_id", text(64)),
        Column("verification_token", text(64), nullable=False),
        Column("verification_checked_at", Timestamp),
        Column(
            "certificate_id",
            big_integer_ref(),
            ForeignKey("certificates.id", ondelete="SET NULL"),
            index=True,
        ),
        created_at(),
        updated_at(),
        CheckConstraint("status IN ('pending', 'verifying', 'verified', 'active', 'error')", name="status"),
    )
