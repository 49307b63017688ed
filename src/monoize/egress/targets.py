"""What a client asks the proxy for: an authority to tunnel to, or an absolute address to fetch. Pure.

Whatever could be read in two ways is a ValueError. Which addresses a host has, only its resolution tells: names
that look like numbers are names.
"""

import ipaddress
import re
from typing import Final, NamedTuple

_AUTHORITY: Final = re.compile(
    rb"(\[[0-9A-Fa-f:.]{2,45}\]|[0-9A-Za-z_](?:[0-9A-Za-z._-]{0,253}))(?::([0-9]{1,5}))?"
)
_SCHEME: Final = re.compile(rb"([A-Za-z][A-Za-z0-9+.-]*)://", re.ASCII)
HTTP_PORT: Final = 80


class Target(NamedTuple):
    host: str
    """In lower case, IPv6 without brackets, without the dot that may end a name."""
    port: int

    @property
    def authority(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def tunnel_target(written: bytes) -> Target:
    """Of CONNECT: the port must be said."""
    return _target(written, None)


def absolute_target(written: bytes) -> tuple[Target, bytes]:
    """Of every other method: the target, and what to ask it for."""
    found = _SCHEME.match(written)
    if found is None:
        raise ValueError("a proxy is asked for absolute addresses")
    if found[1].lower() != b"http":
        raise ValueError("only http:// goes without a tunnel")
    authority, path = _split(written[found.end() :])
    return _target(authority, HTTP_PORT), path


def _split(rest: bytes) -> tuple[bytes, bytes]:
    at = min((at for at in (rest.find(b"/"), rest.find(b"?")) if at >= 0), default=len(rest))
    path = rest[at:]
    if b"#" in rest:
        raise ValueError("an address that is asked for has no fragment")
    return rest[:at], path if path.startswith(b"/") else b"/" + path


def _target(authority: bytes, default_port: int | None) -> Target:
    found = _AUTHORITY.fullmatch(authority)
    if found is None:
        raise ValueError("there is no host, or more than a host and a port")
    port = default_port if found[2] is None else int(found[2])
    if port is None or not 1 <= port <= 65_535:
        raise ValueError("there is no port from 1 to 65535")
    host = found[1].decode()
    if host.startswith("["):
        return Target(str(ipaddress.IPv6Address(host[1:-1])), port)
    host = host.lower().removesuffix(".")
    if ".." in host or not host:
        raise ValueError("the host is none")
    return Target(host, port)
