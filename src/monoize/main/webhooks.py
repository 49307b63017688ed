"""Webhooks that people name by their address: called on the public Internet and nowhere else.

As `gateway/upstream/outside`, whose judgement of addresses this uses: a name is resolved once, every address that
it has must be public, and the connection goes to the one that was checked. No redirect is followed.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from monoize.contract.snapshot import Timeouts
from monoize.control.governance.drivers.webhooks import NotDelivered
from monoize.gateway.upstream.client import Client
from monoize.gateway.upstream.errors import UpstreamProblem
from monoize.gateway.upstream.outside import Address, NotFetched, Resolve, address_of, is_public, resolved
from monoize.gateway.upstream.target import Target

TIMEOUT_S: Final = 10.0
_TIMEOUT_MS: Final = round(TIMEOUT_S * 1000)
_TIMEOUTS: Final = Timeouts(
    connect_ms=_TIMEOUT_MS, first_byte_ms=_TIMEOUT_MS, idle_ms=_TIMEOUT_MS, total_ms=_TIMEOUT_MS
)


class PublicWebhooks:
    def __init__(
        self,
        client: Client,
        *,
        is_allowed: Callable[[Address], bool] = is_public,
        is_usual: Callable[[Target], bool] = lambda target: (target.scheme, target.port) == ("https", 443),
        resolve: Resolve = resolved,
    ) -> None:
        self._client = client
        self._is_allowed = is_allowed
        self._is_usual = is_usual
        self._resolve = resolve

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await self._post(url, headers, body)
        except TimeoutError:
            raise NotDelivered("it took too long") from None
        except UpstreamProblem as problem:
            raise NotDelivered(problem.kind) from problem

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        try:
            target, path = Target.of(url)
        except ValueError:
            raise NotDelivered("that is no address") from None
        if not self._is_usual(target):
            raise NotDelivered("that is no usual address")
        try:
            tied = target.tied_to(await address_of(target, self._resolve, self._is_allowed))
        except NotFetched as problem:
            raise NotDelivered(str(problem)) from None
        sent = [(name.encode(), value.encode()) for name, value in {"user-agent": "monoize", **headers}.items()]
        answer = await self._client.send(tied, "POST", path, sent, body, _TIMEOUTS)
        try:
            return answer.status
        finally:
            await answer.release()
