"""What names of models mean that nobody offers: redirects for everybody, and ends that ask for an effort."""

from sqlalchemy import CheckConstraint, Column, Integer

from monoize.infra.columns import text
from monoize.migrations.steps import create_table


def upgrade() -> None:
    create_table(
        "model_redirects",
        Column("place", Integer, primary_key=True, autoincrement=False),
        Column("pattern", text(128), nullable=False),
        Column("model", text(191), nullable=False),
    )
    create_table(
        "reasoning_suffixes",
        Column("suffix", text(64), primary_key=True),
        Column("effort", text(16), nullable=False),
        CheckConstraint(
            "effort IN ('none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max')",
            name="effort",
        ),
    )
