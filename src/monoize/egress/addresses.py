"""Which IP addresses agents may reach. Pure, and judged by address only: names have been resolved before.

The table is ours, since `is_global` of the standard library calls multicast, NAT64 and 6to4 global. What is `NEVER`
stays shut whatever anybody sets: addresses of this link, where clouds keep credentials, and those that mean
something else than they say. What is `PRIVATE` the operator may open, network by network.
"""

import functools
import ipaddress
from collections.abc import Iterable, Sequence
from typing import Final, Literal

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Kind = Literal["never", "private", "public"]

_REMEMBERED: Final = 4096


def _networks(*written: str) -> Sequence[Network]:
    return tuple(map(ipaddress.ip_network, written))


NEVER: Final = _networks(
    "0.0.0.0/8",  # this host
    "169.254.0.0/16",  # link-local, and the metadata of clouds
    "192.0.0.0/24",  # protocol assignments
    "192.0.2.0/24",  # documentation
    "192.88.99.0/24",  # 6to4 relays
    "198.51.100.0/24",  # documentation
    "203.0.113.0/24",  # documentation
    "224.0.0.0/4",  # multicast
    "240.0.0.0/4",  # reserved, and broadcast
    *map(str, ipaddress.IPv6Network("::/96").address_exclude(ipaddress.IPv6Network("::1/128"))),  # IPv4-compatible
    "::ffff:0:0/96",  # IPv4 in the clothes of IPv6
    "64:ff9b::/96",  # NAT64 carries an IPv4 address inside
    "64:ff9b:1::/48",
    "100::/64",  # discarded
    "2001::/23",  # protocol assignments, Teredo among them
    "2001:db8::/32",  # documentation
    "2002::/16",  # 6to4 carries an IPv4 address inside
    "3fff::/20",  # documentation
    "5f00::/16",  # segment routing
    "fd00:ec2::/32",  # metadata of a cloud
    "fe80::/10",  # link-local
    "fec0::/10",  # site-local
    "ff00::/8",  # multicast
)
PRIVATE: Final = _networks(
    "10.0.0.0/8",
    "100.64.0.0/10",  # behind carriers' NAT
    "127.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "198.18.0.0/15",  # benchmarks
    "::1/128",
    "fc00::/7",
)


@functools.lru_cache(_REMEMBERED)
def kind(found: Address) -> Kind:
    # An address is in no network of the other version.
    if any(found in network for network in NEVER):
        return "never"
    return "private" if any(found in network for network in PRIVATE) else "public"


def is_reachable(found: Address, opened: Iterable[Network]) -> bool:
    """`opened`: private networks of the operator's choice."""
    match kind(found):
        case "public":
            return True
        case "private":
            return any(found in network for network in opened)
        case _:
            return False
