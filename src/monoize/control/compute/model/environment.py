"""What an agent finds in its environment: the way out through the proxy, and to models through us. Pure.

Drivers make it, because a machine may know this computer under another name than it knows itself.
"""

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

from monoize.control.compute.model.machines import AGENT_PORT, Access, MachineSpec

_EVERYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104


class UnreachableFromThere(ValueError):
    """An address that means this computer, where the machine runs on another."""


def environment(spec: MachineSpec, *, this_computer: str | None, port: int = AGENT_PORT) -> Mapping[str, str]:
    """All variables of the machine. `this_computer` is what a machine on it calls it, None for one elsewhere."""
    return {**spec.env, **_access(spec.access, this_computer), "MONOIZE_AGENT_PORT": str(port)}


def _access(access: Access, this_computer: str | None) -> Mapping[str, str]:
    ways = access.ways.outside if this_computer is None else access.ways.here
    proxy = urlsplit(seen_from_there(f"//{ways.proxy}", this_computer)).netloc
    control = seen_from_there(ways.control_url, this_computer).rstrip("/")
    way_out = f"http://{access.agent_id}:{access.token}@{proxy}"
    direct = ",".join(dict.fromkeys(("localhost", "127.0.0.1", "::1", urlsplit(control).hostname or "")))
    return {
        # Some clients read only the small letters, some only the capitals.
        **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), way_out),
        **dict.fromkeys(("NO_PROXY", "no_proxy"), direct),
        "OPENAI_BASE_URL": f"{control}/v1",
        "OPENAI_API_KEY": access.token,
        "ANTHROPIC_BASE_URL": control,
        "ANTHROPIC_API_KEY": access.token,
        "MONOIZE_AGENT_ID": access.agent_id,
        "MONOIZE_GATEWAY_TOKEN": access.token,
    }


def seen_from_there(url: str, this_computer: str | None) -> str:
    """The same address with this computer's own name replaced by the one it has there."""
    parts = urlsplit(url)
    if not is_here(parts.hostname or ""):
        return url
    if this_computer is None:
        raise UnreachableFromThere(f"{parts.netloc} is an address of this computer only")
    host = f"[{this_computer}]" if ":" in this_computer else this_computer
    return urlunsplit(parts._replace(netloc=f"{host}:{parts.port}" if parts.port else host))


def is_everywhere(url: str) -> bool:
    """Whether it is listened to on all addresses of this computer, those of its containers' networks among them."""
    return urlsplit(url).hostname in _EVERYWHERE


def is_here(host: str) -> bool:
    if host in _EVERYWHERE:
        return True
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
