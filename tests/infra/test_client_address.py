"""Where a request comes from: what proxies say is believed only as far as trusted ones vouch for it."""

import ipaddress
from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from monoize.base.errors import StartupProblem
from monoize.infra.client_address import client_address, is_trusted, parse_address, parse_networks

TRUSTED = parse_networks(("127.0.0.0/8", "::1/128", "10.0.0.0/8"))
PROXY, STRANGER = "127.0.0.1", "203.0.113.9"


def came_from(peer: str | None, *headers: tuple[str, str]) -> str | None:
    raw = [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers]
    return client_address(peer, raw, TRUSTED)


@pytest.mark.parametrize(
    ("peer", "headers", "expected"),
    [
        (STRANGER, [], STRANGER),
        (None, [], None),
        (None, [("x-forwarded-for", "198.51.100.1")], None),
        ("testclient", [("x-forwarded-for", "198.51.100.1")], None),
        (STRANGER, [("x-forwarded-for", "198.51.100.1")], STRANGER),
        (STRANGER, [("forwarded", "for=198.51.100.1"), ("x-real-ip", "198.51.100.1")], STRANGER),
        (PROXY, [], PROXY),
        (PROXY, [("x-forwarded-for", "198.51.100.1")], "198.51.100.1"),
        (PROXY, [("x-forwarded-for", "192.0.2.7, 198.51.100.1")], "198.51.100.1"),
        (PROXY, [("x-forwarded-for", "198.51.100.1, 10.0.0.2")], "198.51.100.1"),
        (PROXY, [("x-forwarded-for", "198.51.100.1"), ("x-forwarded-for", "10.0.0.2")], "198.51.100.1"),
        (PROXY, [("x-forwarded-for", "192.0.2.7, 198.51.100.1, 10.0.0.2")], "198.51.100.1"),
        (PROXY, [("x-forwarded-for", "10.0.0.3, 10.0.0.2")], "10.0.0.3"),
        (PROXY, [("x-forwarded-for", "198.51.100.1, nonsense")], PROXY),
        (PROXY, [("x-forwarded-for", "198.51.100.1, nonsense, 10.0.0.2")], "10.0.0.2"),
        (PROXY, [("x-forwarded-for", "198.51.100.1,")], PROXY),
        (PROXY, [("x-forwarded-for", "")], PROXY),
        (PROXY, [("x-forwarded-for", "198.51.100.1:4711")], "198.51.100.1"),
        (PROXY, [("x-forwarded-for", "2001:db8::7")], "2001:db8::7"),
        (PROXY, [("x-forwarded-for", "[2001:DB8::7]:4711")], "2001:db8::7"),
        (PROXY, [("x-forwarded-for", "::ffff:198.51.100.1")], "198.51.100.1"),
        (PROXY, [("x-real-ip", "198.51.100.1")], "198.51.100.1"),
        (PROXY, [("forwarded", "for=198.51.100.1")], "198.51.100.1"),
        (PROXY, [("forwarded", 'For="[2001:db8::7]:4711";proto=https;by=10.0.0.2')], "2001:db8::7"),
        (PROXY, [("forwarded", "for=192.0.2.7, for=198.51.100.1;proto=https")], "198.51.100.1"),
        (PROXY, [("forwarded", "for=198.51.100.1, for=10.0.0.2")], "198.51.100.1"),
        (PROXY, [("forwarded", "for=198.51.100.1, for=unknown")], PROXY),
        (PROXY, [("forwarded", "for=198.51.100.1, for=_hidden")], PROXY),
        (PROXY, [("forwarded", "for=198.51.100.1, proto=https")], PROXY),
        (PROXY, [("forwarded", "for=198.51.100.1, by=10.0.0.2, for=10.0.0.2")], "10.0.0.2"),
        (PROXY, [("forwarded", 'for="192.0.2.7, for=198.51.100.1')], "198.51.100.1"),
        ("::1", [("x-forwarded-for", "198.51.100.1")], "198.51.100.1"),
        ("::ffff:127.0.0.1", [("x-forwarded-for", "198.51.100.1")], "198.51.100.1"),
        ("::ffff:203.0.113.9", [("x-forwarded-for", "198.51.100.1")], STRANGER),
        (PROXY, [("x-forwarded-for", "fe80::1%eth0")], "fe80::1"),
        (PROXY, [("x-forwarded-for", "fe80::1%" + "x" * 1000)], "fe80::1"),
        ("fe80::1%eth0", [], "fe80::1"),
    ],
)
def test_the_walk_outwards_ends_at_the_first_address_that_nobody_trusted_vouches_for(
    peer: str | None, headers: list[tuple[str, str]], expected: str | None
):
    assert expected == came_from(peer, *headers)


@pytest.mark.parametrize(
    "headers",
    [
        [("x-forwarded-for", "198.51.100.1, 10.0.0.2"), ("forwarded", "for=192.0.2.7, for=10.0.0.2")],
        [("x-forwarded-for", "198.51.100.1"), ("forwarded", "for=192.0.2.7")],
        [("x-forwarded-for", "192.0.2.7"), ("x-real-ip", "198.51.100.1")],
        [("forwarded", "for=192.0.2.7"), ("x-real-ip", "198.51.100.1")],
        [("forwarded", "for=unknown"), ("x-forwarded-for", "198.51.100.1")],
    ],
)
def test_of_two_headers_that_disagree_one_was_brought_along_by_the_caller_and_neither_is_believed(
    headers: list[tuple[str, str]],
):
    assert came_from(PROXY, *headers) is None


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([("x-forwarded-for", "198.51.100.1"), ("x-real-ip", "198.51.100.1")], "198.51.100.1"),
        ([("x-forwarded-for", "192.0.2.7, 198.51.100.1"), ("forwarded", "for=198.51.100.1")], "198.51.100.1"),
        ([("x-forwarded-for", "198.51.100.1, 10.0.0.2"), ("x-real-ip", "10.0.0.2")], "198.51.100.1"),
        ([("x-forwarded-for", "198.51.100.1, 10.0.0.2"), ("forwarded", "for=10.0.0.2")], "198.51.100.1"),
    ],
)
def test_headers_that_name_the_same_neighbour_of_the_proxy_agree(headers: list[tuple[str, str]], expected: str):
    assert expected == came_from(PROXY, *headers)


addresses = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str)
hops = st.one_of(
    addresses,
    st.sampled_from([PROXY, "10.0.0.2", "10.9.9.9", "::1", "unknown", "_hidden", ""]),
    st.text(alphabet=st.characters(codec="latin-1", exclude_characters="\r\n"), max_size=20),
)


def vouched_for(peer: str, chain: Sequence[str]) -> set[str]:
    """Every address that the socket or a trusted hop named."""
    named = {str(parse_address(peer))}
    for hop in reversed(chain):
        address = parse_address(hop)
        if address is None:
            break
        named.add(str(address))
        if not any(address in network for network in TRUSTED):
            break
    return named


@given(peer=addresses, chain=st.lists(hops, max_size=6))
@example(peer="127.0.0.1", chain=["6.6.6.6", "203.0.113.9", "10.0.0.2"])
def test_an_address_that_only_an_untrusted_hop_vouches_for_is_never_believed(peer: str, chain: list[str]):
    found = came_from(peer, ("x-forwarded-for", ",".join(chain)))

    written = ",".join(chain).split(",")
    assert found in (vouched_for(peer, written) if is_trusted(peer, TRUSTED) else {str(parse_address(peer))})


@given(peer=addresses, chain=st.lists(addresses, max_size=4), brought=st.lists(hops, max_size=4))
def test_what_a_caller_writes_in_front_of_the_chain_changes_nothing(
    peer: str, chain: list[str], brought: list[str]
):
    stranger_first = [STRANGER, *chain]

    honest = came_from(peer, ("x-forwarded-for", ",".join(stranger_first)))
    assert honest == came_from(peer, ("x-forwarded-for", ",".join([*brought, *stranger_first])))


@given(
    peer=addresses,
    values=st.lists(
        st.tuples(
            st.sampled_from(["forwarded", "x-forwarded-for", "x-real-ip"]),
            st.text(alphabet=st.characters(codec="latin-1", exclude_characters="\r\n"), max_size=80),
        ),
        max_size=4,
    ),
)
def test_whatever_headers_say_the_answer_is_an_address_in_its_one_spelling(
    peer: str, values: list[tuple[str, str]]
):
    found = came_from(peer, *values)

    assert found is None or found == str(ipaddress.ip_address(found))
    assert found is None or "%" not in found


@given(st.one_of(st.text(), addresses))
def test_parsing_an_address_never_fails_and_is_stable(text: str):
    address = parse_address(text)

    assert address is None or address == parse_address(str(address))


def test_a_list_of_proxies_that_cannot_be_read_stops_the_start():
    with pytest.raises(StartupProblem, match="trusted_proxies"):
        parse_networks(("127.0.0.1", "nonsense"))
