"""Records of a zone at Cloudflare: found, written where they differ, and taken away.

Calls are few, bounded and may be repeated. Fails with `DnsProviderRefused`, whose `said` is Cloudflare's.
"""

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import httpx2

from monoize.control.projects.errors import DnsProviderRefused
from monoize.infra.tls import authorities

CALL_S: Final = 30
PATIENCE_S: Final = 60
ANSWER_BYTES_MOST: Final = 1_000_000
AUTOMATIC_TTL: Final = 1
TXT_TTL_S: Final = 300
_RETRY_LEAST_S: Final = 1.0


@dataclasses.dataclass(frozen=True, slots=True)
class Zone:
    id: str
    name: str


class Cloudflare:
    def __init__(self, api_url: str, token: str) -> None:
        self._api_url = api_url.rstrip("/")
        self._token = token

    async def zone_of(self, name: str) -> Zone | None:
        """The nearest active zone above a name."""
        labels = name.removeprefix("*.").split(".")
        async with self._client() as client:
            for start in range(len(labels) - 1):
                asked = {"name": ".".join(labels[start:]), "status": "active"}
                found = await self._call(client, "GET", "/zones", params=asked)
                if found:
                    return Zone(str(found[0]["id"]), str(found[0]["name"]))
        return None

    async def ensure(self, zone_id: str, type: str, name: str, content: str, *, among_others: bool = False) -> None:
        """Let the record say this, and nothing else unless it stands `among_others` of its name."""
        wanted = {"type": type, "name": name, "content": content, "proxied": False}
        wanted |= {"ttl": TXT_TTL_S if type == "TXT" else AUTOMATIC_TTL}
        path = f"/zones/{zone_id}/dns_records"
        async with self._client() as client:
            present = await self._call(client, "GET", path, params={"type": type, "name": name})
            if any(_content(record) == content for record in present):
                return
            if present and not among_others:
                await self._call(client, "PUT", f"{path}/{present[0]['id']}", json=wanted)
            else:
                await self._call(client, "POST", path, json=wanted)

    async def remove(self, zone_id: str, type: str, name: str, content: str) -> None:
        path = f"/zones/{zone_id}/dns_records"
        async with self._client() as client:
            for record in await self._call(client, "GET", path, params={"type": type, "name": name}):
                if _content(record) == content:
                    await self._call(client, "DELETE", f"{path}/{record['id']}", absent_is_fine=True)

    @contextlib.asynccontextmanager
    async def _client(self) -> AsyncIterator[httpx2.AsyncClient]:
        headers = {"authorization": f"Bearer {self._token}"}
        async with httpx2.AsyncClient(headers=headers, timeout=CALL_S, verify=authorities()) as client:
            yield client

    async def _call(
        self, client: httpx2.AsyncClient, method: str, path: str, *, absent_is_fine: bool = False, **more: Any
    ) -> Any:
        until = time.monotonic() + PATIENCE_S
        while True:
            status, headers, body = await self._once(client, method, path, **more)
            wait_s = _retry_after(headers)
            if status != 429 or time.monotonic() + wait_s > until:
                break
            await asyncio.sleep(wait_s)
        if status == 404 and absent_is_fine:
            return None
        if status >= 400 or not body.get("success"):
            said = "; ".join(str(error.get("message")) for error in body.get("errors") or ())
            raise DnsProviderRefused(said=said[:500] or f"HTTP {status}")
        return body.get("result")

    async def _once(
        self, client: httpx2.AsyncClient, method: str, path: str, **more: Any
    ) -> tuple[int, Mapping[str, str], Mapping[str, Any]]:
        try:
            async with client.stream(method, f"{self._api_url}{path}", **more) as answer:
                raw = b""
                async for piece in answer.aiter_bytes():
                    raw += piece
                    if len(raw) > ANSWER_BYTES_MOST:
                        raise DnsProviderRefused(said="its answer is too large")
            body = httpx2.Response(200, content=raw).json()
        except httpx2.HTTPError as problem:
            raise DnsProviderRefused(said="it does not answer") from problem
        except ValueError as problem:
            raise DnsProviderRefused(said="its answer is no JSON") from problem
        return answer.status_code, answer.headers, body if isinstance(body, dict) else {}


def _content(record: Mapping[str, Any]) -> str:
    return str(record.get("content", "")).strip('"')


def _retry_after(headers: Mapping[str, str]) -> float:
    text = headers.get("retry-after", "")
    return max(_RETRY_LEAST_S, float(text)) if text.isdecimal() else _RETRY_LEAST_S
