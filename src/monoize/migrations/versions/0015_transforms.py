"""Rules for all requests and answers on their way, beside those of providers and of keys."""

from sqlalchemy import JSON, Column, Integer

from monoize.infra.columns import EMPTY_LIST
from monoize.migrations.steps import extend_table


def upgrade() -> None:
    extend_table(
        "routing",
        Column("id", Integer, primary_key=True, autoincrement=False),
        Column("transforms", JSON, nullable=False, server_default=EMPTY_LIST),
    )
