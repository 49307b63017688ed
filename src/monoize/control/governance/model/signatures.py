"""Signature Version 4, by which object stores that speak S3 know who asks. Pure.

Only for what we send: a GET without a body, with few headers.
"""

import datetime as dt
import hashlib
import hmac
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_NO_BODY: Final = hashlib.sha256(b"").hexdigest()
_SERVICE: Final = "s3"
_UNRESERVED: Final = "-_.~"


def query_of(parameters: Mapping[str, str]) -> str:
    """In the one order and spelling that is signed, and so sent."""
    pairs = sorted((_encoded(name), _encoded(value)) for name, value in parameters.items())
    return "&".join(f"{name}={value}" for name, value in pairs)


def signed_headers(
    *, host: str, path: str, query: str, region: str, key_id: str, secret: str, now: dt.datetime
) -> dict[str, str]:
    """What to send beside `host`. `path` is spelled as it is sent."""
    moment = now.astimezone(dt.UTC).strftime("%Y%m%dT%H%M%SZ")
    headers = {"host": host, "x-amz-content-sha256": _NO_BODY, "x-amz-date": moment}
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    canonical = "\n".join(("GET", path, query, lines, names, _NO_BODY))
    scope = f"{moment[:8]}/{region}/{_SERVICE}/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = "\n".join((_ALGORITHM, moment, scope, digest))
    signature = hmac.new(_key(secret, scope), to_sign.encode(), hashlib.sha256).hexdigest()
    credential = f"{_ALGORITHM} Credential={key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
    return {name: value for name, value in headers.items() if name != "host"} | {"authorization": credential}


def _key(secret: str, scope: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def _encoded(text: str) -> str:
    return quote(text, safe=_UNRESERVED)
