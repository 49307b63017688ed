"""Keys say for how long answers are given once more, and the request log says which were."""

from sqlalchemy import Column, Integer

from monoize.infra.columns import Id
from monoize.migrations.steps import extend_table


def upgrade() -> None:
    extend_table("api_keys", Column("id", Id, primary_key=True), Column("cache_ttl_s", Integer))
    extend_table("request_logs", Column("id", Id, primary_key=True), Column("cache_hit", Integer))
