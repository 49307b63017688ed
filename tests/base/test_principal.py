import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monoize.base.principal import ROLE_PERMISSIONS, SCOPES, SYSTEM, VISITOR, permissions_of

roles = st.sampled_from(sorted(ROLE_PERMISSIONS))
scopes = st.frozensets(st.sampled_from(sorted(SCOPES)))


@given(roles)
def test_a_credential_without_scopes_may_what_its_role_may(role):
    assert ROLE_PERMISSIONS[role] == permissions_of(role, None)


@given(roles, scopes)
def test_scopes_only_take_away_from_what_a_role_may(role, chosen):
    included = {"self.read"} if "self" in chosen else set()
    assert permissions_of(role, chosen) - {"impersonate"} == ROLE_PERMISSIONS[role] & (chosen | included)


@given(roles, scopes)
def test_acting_for_others_comes_from_a_scope_and_from_no_role(role, chosen):
    assert "impersonate" not in permissions_of(role, None)
    assert ("impersonate" in chosen) == ("impersonate" in permissions_of(role, chosen))


def test_neither_a_visitor_nor_the_system_may_call_anything():
    assert frozenset() == SYSTEM.permissions == VISITOR.permissions
    assert not any(VISITOR.may(permission) for permission in SCOPES)


def test_a_principal_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        VISITOR.permissions = SCOPES


def test_a_label_names_kind_and_name():
    assert "system:monoize" == SYSTEM.label
