"""An object store that speaks S3: the objects of one bucket, page by page.

Addresses have the bucket in their path, which all of them understand. Fails with BucketUnreachable, whose reason
repeats no credential; what is no listing is none, so that an error never looks like an empty bucket.
"""

import datetime as dt
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Final, NamedTuple
from urllib.parse import quote, unquote, urlsplit

from monoize.control.edge.outside import Outside, Patience, Unreachable
from monoize.control.governance.errors import BucketUnreachable
from monoize.control.governance.model.inventory import Bucket, Listed
from monoize.control.governance.model.signatures import query_of, signed_headers

PAGE_OBJECTS: Final = 1_000
PAGE_BYTES_MOST: Final = 8 * 2**20
KEY_BYTES_MOST: Final = 1_024
_PATIENCE: Final = Patience(first_byte_ms=20_000, idle_ms=20_000, total_ms=60_000)
_CODE_CHARS_MOST: Final = 64


class PageOfObjects(NamedTuple):
    objects: list[Listed]
    next_token: str | None


async def list_page(
    outside: Outside, bucket: Bucket, secret: str, token: str | None, now: dt.datetime
) -> PageOfObjects:
    parameters = {"list-type": "2", "max-keys": str(PAGE_OBJECTS), "encoding-type": "url"}
    if bucket.prefix:
        parameters["prefix"] = bucket.prefix
    if token is not None:
        parameters["continuation-token"] = token
    query, path = query_of(parameters), f"/{quote(bucket.name, safe='-_.~')}"
    host = urlsplit(bucket.endpoint).netloc
    headers = signed_headers(
        host=host,
        path=path,
        query=query,
        region=bucket.region,
        key_id=bucket.access_key_id,
        secret=secret,
        now=now,
    )
    url = f"{bucket.endpoint}{path}?{query}"
    try:
        answer = await outside.send(
            "GET", url, list(headers.items()), b"", _PATIENCE, private=bucket.private_network
        )
        try:
            body = await answer.read(PAGE_BYTES_MOST)
        finally:
            await answer.release()
    except Unreachable as problem:
        raise _away(problem.reason) from problem
    if answer.status != 200:
        raise _away(f"the status is {answer.status}{_code_of(body)}")
    return _page(body)


def _page(body: bytes) -> PageOfObjects:
    root = _parsed(body)
    if root is None or _name(root) != "ListBucketResult":
        raise _away("it answers no listing")
    encoded = _text(root, "EncodingType") == "url"
    objects = [_listed(found, encoded=encoded) for found in _children(root, "Contents")]
    is_truncated = _text(root, "IsTruncated") == "true"
    token = _text(root, "NextContinuationToken")
    if is_truncated and not token:
        raise _away("its listing ends too early")
    return PageOfObjects(objects, token if is_truncated else None)


def _listed(found: ET.Element, *, encoded: bool) -> Listed:
    key, size = _text(found, "Key") or "", _text(found, "Size") or ""
    key = unquote(key.replace("+", " ")) if encoded else key
    if not key or "\0" in key or len(key.encode("utf-8", "replace")) > KEY_BYTES_MOST or not size.isdecimal():
        raise _away("it lists what is no object")
    etag, modified = _text(found, "ETag"), _text(found, "LastModified")
    return Listed(key, min(int(size[:19]), 2**63 - 1), etag and etag.strip('"')[:255], modified and modified[:40])


def _parsed(body: bytes) -> ET.Element | None:
    # Declarations of types are where XML becomes dangerous, and no listing has one.
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        return None
    try:
        return ET.fromstring(body)  # noqa: S314 - bounded, and without what those attacks are made of
    except (ET.ParseError, ValueError):
        return None


def _children(root: ET.Element, name: str) -> Iterator[ET.Element]:
    return (child for child in root if _name(child) == name)


def _name(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _text(root: ET.Element, name: str) -> str | None:
    return next((child.text for child in _children(root, name)), None)


def _code_of(body: bytes) -> str:
    """What the store calls its refusal, such as AccessDenied."""
    root = _parsed(body)
    code = None if root is None else _text(root, "Code")
    return f", {code[:_CODE_CHARS_MOST]}" if code and code.isalnum() else ""


def _away(reason: str) -> BucketUnreachable:
    return BucketUnreachable(f"The object store does not answer as it should: {reason}.")
