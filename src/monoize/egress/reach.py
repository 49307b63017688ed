"""Where an agent may go: the port, the name, and then each address that the name has. Pure; fails closed.

The operator's rules hold for everybody; a record of the agent can only take away.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from monoize.contract.egress import EgressGrant
from monoize.contract.policies.globs import matches
from monoize.egress.addresses import Address, Network, is_reachable
from monoize.egress.errors import TargetDenied
from monoize.egress.targets import Target

USUAL_PORTS: Final = frozenset({80, 443})
NEVER_PORTS: Final = frozenset({0, 25})


class Rules(NamedTuple):
    ports: frozenset[int] = USUAL_PORTS
    opened: tuple[Network, ...] = ()


def check_name(rules: Rules, grant: EgressGrant, target: Target) -> None:
    """Before the name is resolved: asking for it tells others something, too."""
    if target.port not in rules.ports or target.port in NEVER_PORTS:
        raise TargetDenied(f"Agents may not reach port {target.port}.")
    allow = grant.hosts_allow
    if (allow is not None and not matches(allow, target.host)) or matches(grant.hosts_deny, target.host):
        raise TargetDenied(f"This agent may not reach {target.host}.")


def check_addresses(rules: Rules, grant: EgressGrant, found: Sequence[Address]) -> None:
    """One that is denied denies all: whoever names it beside others means it."""
    opened: Iterable[Network] = () if grant.private_networks_denied else rules.opened
    if not found or not all(is_reachable(address, opened) for address in found):
        raise TargetDenied


def in_turn(found: Sequence[Address]) -> list[Address]:
    """Versions by turns, in the order of the resolver otherwise: one that is broken delays by one attempt only."""
    first = [address for address in found if address.version == found[0].version]
    other = [address for address in found if address.version != found[0].version]
    mixed = [address for pair in zip(first, other, strict=False) for address in pair]
    return mixed + [address for address in found if address not in mixed]
