"""The rules that need no database, for whatever they are asked."""

import contextlib
import ipaddress

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from monoize.base.principal import ROLE_PERMISSIONS, SCOPES, Principal, permissions_of
from monoize.control.identity import model
from monoize.control.identity.errors import GroupsNotAllowed, RoleTooHigh

addresses = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6))
networks = st.one_of(
    st.tuples(st.ip_addresses(v=4), st.integers(0, 32)), st.tuples(st.ip_addresses(v=6), st.integers(0, 128))
).map(lambda parts: f"{parts[0]}/{parts[1]}")
scopes = st.one_of(st.none(), st.frozensets(st.sampled_from(sorted(SCOPES))).map(sorted))
token_roles = st.sampled_from(["admin", "deployer", "viewer"])
tenants = st.sampled_from(["here", "there"])


@given(st.one_of(networks, addresses.map(str)))
def test_the_canonical_spelling_of_a_network_is_its_own(text: str):
    canonical = model.canonical_network(text)

    assert canonical == model.canonical_network(canonical)
    assert ipaddress.ip_network(canonical)


@given(st.text(max_size=50))
def test_a_text_is_a_network_or_a_value_error(text: str):
    with contextlib.suppress(ValueError):
        assert ipaddress.ip_network(model.canonical_network(text))


@given(addresses, networks)
def test_an_address_is_allowed_exactly_inside_the_network_as_it_was_written(address: object, network: str):
    mapped = getattr(address, "ipv4_mapped", None)
    assume(mapped is None)
    inside = address in ipaddress.ip_network(network, strict=False)

    assert inside == model.address_allowed(str(address), [model.canonical_network(network)])


@given(st.one_of(st.none(), addresses.map(str)))
def test_an_empty_list_allows_every_address_and_a_list_allows_no_unknown_one(address: str | None):
    assert model.address_allowed(address, [])
    assert not model.address_allowed(None, ["0.0.0.0/0", "::/0"])


@given(st.text(max_size=200))
def test_splitting_what_was_shown_never_fails_and_loses_nothing(shown: str):
    lookup, secret = model.split_token(shown)

    assert shown in (secret, f"mzt_{lookup}_{secret}")
    assert (lookup == model.BOOTSTRAP_LOOKUP) == (shown == secret)


def test_a_new_token_splits_into_what_is_stored_of_it():
    made = model.new_token()

    assert (made.lookup, made.secret) == model.split_token(made.shown)


@pytest.mark.parametrize("make", [model.new_api_key, model.new_session_token, model.new_token])
def test_no_two_secrets_are_alike_and_each_has_256_random_bits(make):
    shown = {make().shown for _ in range(1000)}

    assert 1000 == len(shown)
    assert all(len(secret.rpartition("_")[2].removeprefix("sk-")) >= 64 for secret in shown)


@given(st.text(max_size=300))
def test_an_address_of_mail_has_one_spelling_or_is_none(text: str):
    email = model.canonical_email(text)

    assert email is None or (email == model.canonical_email(email) and len(email) <= model.EMAIL_MOST)


def actor(kind: str, role: str, scope: list[str] | None, via: str | None) -> Principal:
    permissions = permissions_of(role, None if scope is None else frozenset(scope))
    return Principal(kind=kind, id="1", name="x", role=role, tenant_id="here", permissions=permissions, via=via)


@given(token_roles, scopes, token_roles, scopes, tenants)
def test_a_token_grants_no_more_than_it_may_itself(
    role: str, scope: list[str] | None, wanted_role: str, wanted: list[str] | None, tenant: str
):
    maker = actor("token", role, scope, None)
    child = permissions_of(wanted_role, None if wanted is None else frozenset(wanted))

    try:
        model.check_may_grant(maker, wanted_role, wanted, tenant)
    except RoleTooHigh:
        assert not child <= maker.permissions or ("impersonate" in child and tenant == "there")
    else:
        assert child <= maker.permissions
        assert "impersonate" not in child or tenant == "here"


@given(st.sampled_from(["super_admin", "admin", "user"]), token_roles, scopes, tenants)
def test_a_person_grants_what_they_may_and_impersonation(
    role: str, wanted_role: str, wanted: list[str] | None, tenant: str
):
    child = permissions_of(wanted_role, None if wanted is None else frozenset(wanted))

    with contextlib.suppress(RoleTooHigh):
        model.check_may_grant(actor("user", role, None, None), wanted_role, wanted, tenant)
        assert child - {"impersonate"} <= ROLE_PERMISSIONS[role]


@given(st.sampled_from(["super_admin", "admin", "user", "deployer", "viewer"]), scopes)
def test_scopes_add_nothing_but_impersonation(role: str, scope: list[str] | None):
    permissions = permissions_of(role, None if scope is None else frozenset(scope))

    assert permissions <= ROLE_PERMISSIONS[role] | {"impersonate"}
    # Whoever may change what is theirs may look at it.
    assert scope is None or permissions <= {*scope, *(["self.read"] if "self" in scope else [])}
    assert "impersonate" not in permissions or (scope is not None and "impersonate" in scope)


def test_no_role_brings_impersonation_along():
    assert [] == [role for role, permissions in ROLE_PERMISSIONS.items() if "impersonate" in permissions]


@given(st.lists(st.sampled_from("abc")), st.lists(st.sampled_from("abc")))
def test_groups_are_a_part_of_the_owners_unless_the_owner_has_none(wanted: list[str], owners: list[str]):
    try:
        model.check_groups(wanted, owners)
    except GroupsNotAllowed:
        assert owners and not set(wanted) <= set(owners)
    else:
        assert not owners or set(wanted) <= set(owners)
