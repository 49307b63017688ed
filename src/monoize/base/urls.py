"""Addresses of upstreams: what a base URL may be, and the one way in which a path is put behind it.

Pure. A base URL that could be read in two ways, or that carries more than an address, raises ValueError.
"""

import ipaddress
import re
from typing import Final
from urllib.parse import unquote

URL_CHARS_MOST: Final = 2048

_BASE: Final = re.compile(
    r"(?P<scheme>https?)://"
    r"(?P<host>[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]+\])"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>(?:/(?:[a-z0-9._~!$&'()*+,;=:@-]|%[0-9a-f]{2})+)*)/*",
    re.IGNORECASE | re.ASCII,
)
_USUAL_PORTS: Final = {"http": 80, "https": 443}
_VERSION: Final = r"/v[0-9]+(?:(?:alpha|beta)[0-9]*)?"
# Not the host, which may be called v1 as well. What Google serves in OpenAI's dialect lies below its own version.
_VERSIONED: Final = re.compile(rf"(?<!/){_VERSION}(?:/openai)?$")
_BEGINS_WITH_VERSION: Final = re.compile(rf"{_VERSION}(?=[/?]|$)")


def canonical_base(text: str) -> str:
    """The one spelling of a base URL: scheme and host in lower case, no usual port, no slash at the end."""
    if len(text) > URL_CHARS_MOST:
        raise ValueError(f"must not be longer than {URL_CHARS_MOST} characters")
    found = _BASE.fullmatch(text)
    if found is None:
        raise ValueError("must be https://host/path or http://…, without credentials, query or fragment")
    scheme, host, path = found["scheme"].lower(), found["host"].lower(), found["path"]
    port = int(found["port"]) if found["port"] else _USUAL_PORTS[scheme]
    if not 1 <= port <= 65_535:
        raise ValueError("must have a port from 1 to 65535")
    if host.startswith("["):
        host = f"[{ipaddress.IPv6Address(host[1:-1])}]"
    if any(unquote(segment) in (".", "..") for segment in path.split("/")):
        raise ValueError("must not have . or .. in its path")
    return f"{scheme}://{host}{'' if port == _USUAL_PORTS[scheme] else f':{port}'}{path}"


def origin(base_url: str) -> str:
    """Scheme, host and port: who reads what is sent to this canonical base URL."""
    return "/".join(base_url.split("/")[:3])


def endpoint(base_url: str, path: str) -> str:
    """Where `path`, which begins with an API version such as /v1 or /v1beta, lies behind a base URL.

    A base that names a version has the last word: the version of the path is then left away and never repeated.
    """
    base = base_url.rstrip("/")
    if _VERSIONED.search(base):
        path = _BEGINS_WITH_VERSION.sub("", path, count=1)
    return base + path
