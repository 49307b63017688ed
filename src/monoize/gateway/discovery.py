"""Which models an upstream has, by its own word: OpenAI's list, Anthropic's and Google's, page by page.

Bounded in time, size and pages, and no redirect is followed, so that a key goes to the address it was given for.
Whatever goes wrong is a Refusal.
"""

import asyncio
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import msgspec

from monoize.base.urls import endpoint
from monoize.contract.snapshot import ChannelType, Timeouts
from monoize.gateway.dialects import (
    ANTHROPIC_VERSION,
    CHAT,
    GEMINI,
    MESSAGES,
    RESPONSES,
    Dialect,
    credential_headers,
)
from monoize.gateway.errors import DiscoveryFailed, DiscoveryTooLarge, NothingToAsk
from monoize.gateway.http_channel import USER_AGENT
from monoize.gateway.upstream.client import Client
from monoize.gateway.upstream.errors import BodyTooLarge, UpstreamProblem
from monoize.gateway.upstream.target import Target

PATIENCE_S: Final = 15.0
BYTES_MOST: Final = 16 * 2**20
PAGES_MOST: Final = 50
PAGE: Final = 1_000

_DIALECTS: Final[dict[ChannelType, Dialect]] = {
    "chat_completion": CHAT,
    "responses": RESPONSES,
    "messages": MESSAGES,
    "gemini": GEMINI,
    "openai_image": CHAT,
}
_NAME: Final = re.compile(r"[!-~]{1,191}")
_TIMEOUTS: Final = Timeouts(connect_ms=5_000, first_byte_ms=15_000, idle_ms=15_000, total_ms=15_000)


class Listed(NamedTuple):
    """`next` is what the next page is asked with, if there is one."""

    names: Sequence[str]
    next: str | None


async def models(
    client: Client, type: ChannelType, base_url: str, credential: str, *, patience_s: float = PATIENCE_S
) -> Sequence[str]:
    if type == "echo":
        return ["echo"]
    dialect = _DIALECTS.get(type)
    if dialect is None:
        raise NothingToAsk
    try:
        async with asyncio.timeout(patience_s):
            return await _all_pages(client, dialect, base_url, credential)
    except TimeoutError:
        raise DiscoveryFailed("The provider did not list its models in time.") from None


def read_list(body: bytes) -> Listed:
    """In whichever of the shapes it is; DiscoveryFailed if it is in none."""
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise DiscoveryFailed("The provider answers with something else than JSON.") from None
    listed = found
    if isinstance(found, dict):
        listed = next((found[name] for name in ("data", "models") if isinstance(found.get(name), list)), None)
    if not isinstance(listed, list):
        raise DiscoveryFailed("The provider answers with something else than a list of models.")
    return Listed([*_names(listed)], _next(found) if isinstance(found, dict) else None)


async def _all_pages(client: Client, dialect: Dialect, base_url: str, credential: str) -> Sequence[str]:
    names: set[str] = set()
    bytes_left, query = BYTES_MOST, _first_query(dialect)
    for _ in range(PAGES_MOST):
        body = await _page(client, dialect, base_url, credential, query, bytes_left)
        bytes_left -= len(body)
        listed = read_list(body)
        names.update(listed.names)
        if listed.next is None:
            break
        query = _first_query(dialect) + f"&{listed.next}"
    return sorted(names)


async def _page(
    client: Client, dialect: Dialect, base_url: str, credential: str, query: str, bytes_most: int
) -> bytes:
    path = "/v1beta/models" if dialect is GEMINI else "/v1/models"
    target, where = Target.of(endpoint(base_url, path) + query)
    headers = [(b"user-agent", USER_AGENT), (b"accept", b"application/json")]
    if dialect is MESSAGES:
        headers.append((b"anthropic-version", ANTHROPIC_VERSION))
    if credential:
        headers += credential_headers(dialect, credential)
    try:
        answer = await client.send(target, "GET", where, headers, b"", _TIMEOUTS)
        try:
            if answer.status != 200:
                raise DiscoveryFailed(f"The provider answers with {answer.status} instead of its models.")
            return await answer.read(bytes_most)
        finally:
            await answer.release()
    except BodyTooLarge:
        raise DiscoveryTooLarge from None
    except UpstreamProblem as problem:
        raise DiscoveryFailed(f"The provider did not answer: {problem.kind.replace('_', ' ')}.") from None


def _first_query(dialect: Dialect) -> str:
    """OpenAI lists all at once, and some who are like it refuse what they do not know."""
    if dialect is MESSAGES:
        return f"?limit={PAGE}"
    return f"?pageSize={PAGE}" if dialect is GEMINI else ""


def _names(listed: Sequence[Any]) -> Iterator[str]:
    for each in listed:
        found = (each.get("id") or each.get("name")) if isinstance(each, dict) else each
        name = found.removeprefix("models/") if isinstance(found, str) else ""
        if _NAME.fullmatch(name):
            yield name


def _next(found: dict[str, Any]) -> str | None:
    token, last = found.get("nextPageToken"), found.get("last_id")
    if isinstance(token, str) and token:
        return f"pageToken={quote(token, safe='')}"
    if found.get("has_more") is True and isinstance(last, str) and last:
        return f"after_id={quote(last, safe='')}"
    return None
