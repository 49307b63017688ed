"""Telling a webhook: what is sent, and the signature by which it knows that it comes from us.

`monoize-signature: t=SECONDS,v1=HEX` is the HMAC-SHA256 of `SECONDS.BODY` with the key of the agent. Whoever
receives it refuses what is signed wrongly, or at a time that is not now.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, Final, Protocol

import msgspec

SIGNATURE: Final = "monoize-signature"
DELIVERY: Final = "monoize-delivery"


class Webhooks(Protocol):
    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """The status of the answer. NotDelivered where there is none, or the address is not one for us to call."""
        ...


class NotDelivered(Exception):
    """Nobody answered, or the address may not be called."""


async def tell(
    webhooks: Webhooks, url: str, event: Mapping[str, Any], *, key: str, delivery_id: str, now_s: int
) -> None:
    body = msgspec.json.encode(event)
    headers = {
        "content-type": "application/json",
        DELIVERY: delivery_id,
        SIGNATURE: f"t={now_s},v1={signature(key, now_s, body)}",
    }
    status = await webhooks.post(url, headers, body)
    if not 200 <= status < 300:
        raise NotDelivered(f"the status is {status}")


def signature(key: str, now_s: int, body: bytes) -> str:
    return hmac.new(key.encode(), f"{now_s}.".encode() + body, hashlib.sha256).hexdigest()
