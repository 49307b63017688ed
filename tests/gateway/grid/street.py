"""A request on its way from a caller of one protocol to a provider of another, through a gateway, and back."""

import json
from collections.abc import Sequence
from typing import Final

from gateway.grid.chat import CHAT
from gateway.grid.gemini import GEMINI
from gateway.grid.meaning import Answered, Json
from gateway.grid.messages import MESSAGES
from gateway.grid.responses import RESPONSES
from gateway.grid.tongue import Tongue
from support.gateway import Bench, Reply, channel, provider
from support.provider import Asked, Said, in_events, serving

from monoize.contract.events import RequestLog, decode
from monoize.contract.snapshot import Offer

TONGUES: Final = {tongue.name: tongue for tongue in (CHAT, RESPONSES, MESSAGES, GEMINI)}
JSON: Final = {"content-type": "application/json"}
COMMENT: Final = b": keep-alive\n\n"


async def through(
    bench: Bench, caller: Tongue, upstream: Tongue, body: Json, said: Said, *, stream: bool, path: str | None = None
) -> tuple[Asked, Reply]:
    """What the provider was sent, and what the caller got for its answer."""
    async with serving(said) as there:
        bench.offer(provider(channel(there.base_url, upstream.channel, offers={"m": Offer(upstream.model)})))
        reply = await bench.ask(path or (caller.stream_path if stream else caller.path), written(body))
    [sent] = there.asked
    address = upstream.stream_path if stream else upstream.path
    assert address.replace("/m:", f"/{upstream.model}:") == sent.path
    assert upstream is GEMINI or stream == sent.json.get("stream", False)
    return sent, reply


def written(body: Json) -> bytes:
    """With spaces and escapes that nobody else would write."""
    return json.dumps(body, indent=1).encode()


def forwarded(body: Json, upstream: Tongue) -> bytes:
    """In the caller's own bytes: all that has to be another is the name of the model."""
    return written(body).replace(b'"model": "m"', b'"model": "%b"' % upstream.model.encode())


def wire_of(upstream: Tongue, told: Answered, *, stream: bool) -> list[bytes]:
    if not stream:
        return [written(upstream.answer(told))]
    first, *others = upstream.frames(told)
    return [first, COMMENT, *others]


def said_in(wire: Sequence[bytes], *, stream: bool) -> Said:
    return in_events(*wire) if stream else Said(200, wire[0], JSON)


async def logged(bench: Bench, reply: Reply) -> RequestLog:
    """What is written down of this request. Afterwards nobody knows of any."""
    found = None
    for entry in await bench.spool.oldest(1_000):
        charged = decode(entry.content)
        found = charged.log if charged.request_id == reply.headers["x-request-id"] else found
        await bench.spool.oldest(1, posted=entry)
    assert found is not None
    return found
