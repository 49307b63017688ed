"""Where a request goes: scheme, host and port, read once from the address that somebody configured.

Fails closed: an address that could be read in two ways (user names, control characters, fragments) is a ValueError.
"""

import dataclasses
import functools
import ipaddress
import re
from typing import Final
from urllib.parse import urlsplit

_REMEMBERED: Final = 512
_PORTS: Final = {"http": 80, "https": 443}
_ADDRESS: Final = re.compile(r"[!-~\u0080-\U0010ffff]+")
_NAME: Final = re.compile(r"[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?")


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    scheme: str
    host: str
    """In lower case, international names in their ASCII form, IPv6 without brackets."""
    port: int

    is_tls: bool
    authority: bytes
    """What `host:` says."""
    origin: str
    """Its name: equal for equal targets."""
    address: str | None = None
    """The IP address to which it was tied; None: whatever its host resolves to."""

    def tied_to(self, address: str) -> "Target":
        """It is who its certificate says it is, and nowhere else than there."""
        return dataclasses.replace(self, address=address, origin=f"{self.origin}@{address}")

    @classmethod
    def of(cls, url: str) -> tuple["Target", str]:
        """The target, and the path of the URL with its query: "/" when there is none."""
        return _read(url)


@functools.lru_cache(_REMEMBERED)
def _read(url: str) -> tuple[Target, str]:
    if not _ADDRESS.fullmatch(url):
        raise ValueError("an address has no spaces or control characters")
    parts = urlsplit(url)
    if parts.scheme not in _PORTS:
        raise ValueError("an address begins with http:// or https://")
    if "@" in parts.netloc:
        raise ValueError("an address names no user")
    if "#" in url:
        raise ValueError("an address has no fragment")
    host = _host(parts.hostname or "")
    port = _PORTS[parts.scheme] if parts.port is None else parts.port
    if port == 0:
        raise ValueError("an address has a port from 1 to 65535")
    shown = f"[{host}]" if ":" in host else host
    authority = shown if port == _PORTS[parts.scheme] else f"{shown}:{port}"
    target = Target(
        scheme=parts.scheme,
        host=host,
        port=port,
        is_tls=parts.scheme == "https",
        authority=authority.encode(),
        origin=f"{parts.scheme}://{shown}:{port}",
    )
    path = parts.path or "/"
    if not (path + parts.query).isascii():
        raise ValueError("an address has a path in ASCII, percent-encoded where need be")
    return target, f"{path}?{parts.query}" if parts.query else path


def _host(text: str) -> str:
    if ":" in text:
        address = ipaddress.IPv6Address(text)
        if address.scope_id:
            raise ValueError("an address names no network interface")
        return str(address)
    host = text.encode("idna").decode().lower() if not text.isascii() else text
    if not _NAME.fullmatch(host) or len(host) > 253 or ".." in host:
        raise ValueError("an address has a host")
    return host
