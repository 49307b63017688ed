"""What the addresses of routes may look like: domains, paths, and the headers that nginx adds. Pure.

All that a caller may write into a configuration of nginx goes through here, and once more, on its way out, through
the generator. A text that is not acceptable raises ValueError with words that may stand behind its field's name.
"""

import re
from typing import Final

import idna

DOMAIN_CHARS_MOST: Final = 253
PATH_CHARS_MOST: Final = 255
CHALLENGES: Final = "/.well-known/acme-challenge"

_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_PATH: Final = re.compile(r"/|(/[A-Za-z0-9._~-]+)+/?")
_HEADER_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
# What would end a quoted text of nginx, or begin a variable or an escape in it, is left out.
_HEADER_VALUE: Final = re.compile(r"[ !#%-\[\]-~]{1,1000}")
_FRAMING: Final = frozenset(
    {
        "connection",
        "content-encoding",
        "content-length",
        "date",
        "keep-alive",
        "location",
        "server",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


def domain_name(text: str, *, wildcard: bool = True) -> str:
    """The one spelling of a domain: lower case, without a dot at the end, international labels as `xn--`."""
    if len(text) > DOMAIN_CHARS_MOST:
        raise ValueError(f"must not be longer than {DOMAIN_CHARS_MOST} characters")
    star, name = ("*.", text[2:]) if wildcard and text.startswith("*.") else ("", text)
    name = _in_ascii(name.removesuffix("."))
    labels = name.split(".")
    if len(labels) < 2 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError("must be a domain such as app.example.com" + (" or *.example.com" if wildcard else ""))
    if labels[-1].isdecimal():
        raise ValueError("must be a name and not an address")
    if len(star + name) > DOMAIN_CHARS_MOST:
        raise ValueError(f"must not be longer than {DOMAIN_CHARS_MOST} characters")
    return star + name


def _in_ascii(name: str) -> str:
    if name.isascii():
        return name.lower()
    try:
        return idna.encode(name, uts46=True, std3_rules=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        raise ValueError("must be an international domain name that can be registered") from None


def route_path(text: str) -> str:
    """The one spelling of a path: everything below it belongs to it, so it ends without a slash."""
    if len(text) > PATH_CHARS_MOST:
        raise ValueError(f"must not be longer than {PATH_CHARS_MOST} characters")
    if not _PATH.fullmatch(text) or not {".", ".."}.isdisjoint(text.split("/")):
        raise ValueError("must be a path such as /api, of letters, digits and . _ ~ -")
    path = text.removesuffix("/") or "/"
    if f"{path}/".startswith(f"{CHALLENGES}/"):
        raise ValueError("must not be where certificate authorities look")
    return path


def header_name(text: str) -> str:
    if not _HEADER_NAME.fullmatch(text):
        raise ValueError("must be letters, digits and -, at most 64")
    if text.lower() in _FRAMING:
        raise ValueError("must not be one that the server itself sets")
    return text


def header_value(text: str) -> str:
    if not _HEADER_VALUE.fullmatch(text) or text != text.strip():
        raise ValueError(r"""must be 1 to 1000 printable ASCII characters without " \ $""")
    return text


def covers(pattern: str, domain: str) -> bool:
    """Whether a certificate for `pattern` is good for `domain`: a wildcard stands for exactly one label."""
    if pattern == domain:
        return True
    _, _, rest = domain.partition(".")
    return pattern == f"*.{rest}" and not domain.startswith("*.")
