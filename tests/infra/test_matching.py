import pytest
from sqlalchemy import literal, select

from monoize.infra.db import Database
from monoize.infra.matching import contains


@pytest.mark.parametrize(
    ("text", "found"),
    [("TOP", True), ("nightly-laptop_1", True), ("p_1", True), ("pX1", False), ("%", False), ("\\", False)],
)
async def test_a_part_of_a_name_is_found_as_it_is_written(database: Database, text: str, found: bool):
    async with database.read() as tx:
        there = await tx.scalar(select(literal(1)).where(contains(literal("Nightly-Laptop_1"), text)))

    assert found == (there == 1)
