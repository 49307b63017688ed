"""Models as people write them in a form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monoize.base.errors import Invalid
from monoize.control.catalog.api.provider_wire import ModelOffered
from monoize.control.catalog.model.providers import ModelEntry
from monoize.dashboard.model_lines import read, written

names = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=20)
entries = st.builds(ModelEntry, names, st.none() | names, st.integers(1, 10**15))


@given(st.lists(entries))
def test_what_is_written_is_read_as_the_same_models(models):
    lines = written(models).splitlines()

    assert models == [ModelOffered.model_validate(given).value() for given in read(lines)]


@pytest.mark.parametrize("line", ["a b", "a =", "a = b x", "a x 1 = b", "a = b c d e"])
def test_a_line_that_is_no_model_is_refused_with_its_number(line):
    with pytest.raises(Invalid) as refused:
        read(["fine", line])
    assert "Line 2" in refused.value.details["wrong"]["models"]
