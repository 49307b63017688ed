"""Rows go out in batches of known sizes: all of them, once, in order."""

from hypothesis import given
from hypothesis import strategies as st

from monoize.infra.batches import SIZES, in_batches, marks, values_of


@given(st.integers(0, 1234))
def test_batches_are_all_rows_in_order_and_of_known_sizes(rows: int):
    batches = list(in_batches(range(rows)))
    assert list(range(rows)) == [row for batch in batches for row in batch]
    assert all(len(batch) in SIZES for batch in batches)


def test_there_is_a_mark_for_every_value():
    rows = [(1, "a"), (2, "b"), (3, "c")]
    assert (1, "a", 2, "b", 3, "c") == values_of(rows)
    assert "(?, ?), (?, ?), (?, ?)" == marks(2, 3)
