"""Each price knows how it came into the book; steep changes wait for a second person; one row locks the book."""

from alembic import op
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Integer,
    UniqueConstraint,
    column,
    insert,
    select,
    table,
)

from monoize.infra.columns import Id, created_at, text
from monoize.migrations.steps import create_table, extend_table


def upgrade() -> None:
    extend_table(
        "model_prices",
        Column("id", Id, primary_key=True),
        Column("origin", text(32), nullable=False, server_default="manual"),
    )

    create_table(
        "pending_prices",
        Column("id", Id, primary_key=True),
        Column("provider", text(64), nullable=False),
        Column("model_key", text(128), nullable=False),
        Column("kind", text(32), nullable=False),
        Column("variant", text(64), nullable=False),
        Column("pricing_source", text(32), nullable=False),
        Column("proposal_json", text(), nullable=False),
        Column("changes_json", text(), nullable=False),
        Column("proposed_by", text(191), nullable=False),
        Column("proposer_id", text(191), nullable=False),
        created_at(),
        UniqueConstraint("provider", "model_key", "kind", "variant", "pricing_source"),
    )

    create_table(
        "price_book",
        Column("id", Integer, primary_key=True, autoincrement=False),
        Column("generation", BigInteger, nullable=False),
        CheckConstraint("id = 1", name="single_row"),
    )
    book = table("price_book", column("id"), column("generation"))
    if op.get_bind().scalar(select(book.c.id)) is None:
        op.execute(insert(book).values(id=1, generation=0))
