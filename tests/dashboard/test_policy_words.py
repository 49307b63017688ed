"""What pages say of policies: their fields, and where what is in force comes from. Pure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monoize.contract.policies.catalogue import NAMES, schema_of
from monoize.dashboard.pages.governance.fields import fields_of
from monoize.dashboard.pages.governance.origins import leaves
from monoize.dashboard.pages.governance.words import policy_title

_VALUES = st.recursive(
    st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=2),
    lambda inner: st.dictionaries(st.text("a/~b", max_size=3), inner, min_size=1, max_size=3),
)


@pytest.mark.parametrize("name", NAMES)
def test_every_field_of_a_policy_is_told_with_what_it_takes(name):
    schema = schema_of(name)
    told = {field.path: field for field in fields_of(schema)}

    assert told and all(field.kind for field in told.values())
    assert set(schema.get("properties", {})) <= set(told)
    assert policy_title(name)[0].isupper()


def test_fields_of_lists_and_of_named_things_are_told_with_their_way():
    paths = {field.path for field in fields_of(schema_of("tool_permissions_json"))}
    named = {field.path.partition(".")[0] for field in fields_of(schema_of("integrations_json"))}

    assert {"rules", "rules[].tool", "rules[].effect"} <= paths
    assert {"*"} == named


def _at(value, pointer):
    for name in pointer.split("/")[1:]:
        value = value[name.replace("~1", "/").replace("~0", "~")]
    return value


@given(_VALUES)
def test_each_value_is_found_at_its_pointer_and_at_one_only(value):
    found = list(leaves(value))

    assert len(found) == len(dict(found))
    assert all(_at(value, pointer) == inner for pointer, inner in found)
