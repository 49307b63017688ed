"""Where servers may lie that people name by their address."""

import ipaddress

import pytest

from monoize.gateway.upstream.outside import is_public
from monoize.main.outside import is_near


@pytest.mark.parametrize(
    ("address", "public", "near"),
    [
        ("93.184.216.34", True, True),
        ("2606:2800:220:1::1", True, True),
        ("127.0.0.1", False, True),
        ("10.1.2.3", False, True),
        ("192.168.0.9", False, True),
        ("fd12:3456::1", False, True),
        ("::1", False, True),
        ("::ffff:10.0.0.1", False, True),
        ("169.254.169.254", False, False),
        ("::ffff:169.254.169.254", False, False),
        ("fd00:ec2::254", False, False),
        ("100.100.100.200", False, False),
        ("fe80::1", False, False),
        ("0.0.0.0", False, False),
        ("224.0.0.1", False, False),
        ("64:ff9b::a00:1", False, False),
    ],
)
def test_private_networks_take_leave_and_credentials_of_clouds_are_never_reached(
    address: str, public: bool, near: bool
):
    parsed = ipaddress.ip_address(address)

    assert (public, near) == (is_public(parsed), is_near(parsed))
