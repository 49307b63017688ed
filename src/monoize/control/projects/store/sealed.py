"""Where the room keeps sealed values."""

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Row, select

from monoize.control.projects.model import environments as environment_rules
from monoize.control.projects.model import secrets as secret_rules
from monoize.control.projects.model.releases import env_place
from monoize.control.projects.tables import (
    acme_accounts,
    certificates,
    environment_variables,
    project_webhooks,
    registries,
    releases,
    secret_versions,
    secrets,
    service_sources,
)
from monoize.infra.resealing import Place, SealedValues, by_id, sealed_in

_VERSIONS: Final = select(
    secret_versions.c.id,
    secret_versions.c.version,
    secret_versions.c.sealed,
    secrets.c.service_id,
    secrets.c.key,
).join(secrets, secrets.c.id == secret_versions.c.secret_id)


def _version(row: Row[Any]) -> Iterator[tuple[str, Place]]:
    yield "sealed", secret_rules.place(row.service_id, row.key, row.version)


SEALED: Final = (
    sealed_in(secrets, "sealed", lambda row: secret_rules.place(row.service_id, row.key, row.version)),
    SealedValues(secret_versions, _VERSIONS, _version),
    sealed_in(environment_variables, "sealed", lambda row: environment_rules.place(row.environment_id, row.key)),
    sealed_in(releases, "env_sealed", lambda row: env_place(row.service_id)),
    sealed_in(
        service_sources,
        "credential_sealed",
        lambda row: ("service_sources", "credential_sealed", str(row.service_id)),
    ),
    sealed_in(
        project_webhooks, "secret_sealed", lambda row: ("project_webhooks", "secret_sealed", str(row.project_id))
    ),
    by_id(registries, "password_sealed"),
    by_id(certificates, "key_sealed"),
    by_id(acme_accounts, "key_sealed"),
)
