"""Looks at a replica from outside, where nginx reaches it: at its published port on the loopback address.

Never anywhere else, whatever a path or an answer says: the address is ours, and redirects are not followed. No tool
inside the image is needed.
"""

import asyncio
import contextlib
from typing import Final

import httpx2

from monoize.control.projects.model.config import ServiceConfig, health_port
from monoize.control.projects.model.instances import LOOPBACK, Instance, Probe

_BODY_HEAD_BYTES: Final = 500
# The engine's proxy takes a connection before it knows whether anybody listens behind it, and then hangs up.
_HUNG_UP_WITHIN_S: Final = 0.25
_AGENT: Final = "Monoize-Probe/1"


async def probe(instance: Instance, config: ServiceConfig) -> Probe:
    """One look. A container without a port to look at is well as long as it runs."""
    inside = health_port(config)
    if not instance.running:
        code = "" if instance.exit_code is None else f" with code {instance.exit_code}"
        return Probe(False, "", error=f"the container is {instance.state}{code}")
    if inside is None:
        return Probe(True, "")
    published = instance.ports.get(inside)
    if published is None:
        return Probe(False, "", error=f"port {inside} is not published")
    if config.health.kind == "http":
        return await _http(f"http://{LOOPBACK}:{published}{config.health.path}", config)
    return await _tcp(published, config.health.timeout_s)


async def _http(url: str, config: ServiceConfig) -> Probe:
    health = config.health
    try:
        async with (
            asyncio.timeout(health.timeout_s),
            # Without TLS there is nothing to verify, and reading the authorities takes longer than the look.
            httpx2.AsyncClient(trust_env=False, verify=False, timeout=health.timeout_s) as client,
            client.stream("GET", url, headers={"user-agent": _AGENT, "accept": "*/*"}) as answer,
        ):
            head = bytearray()
            async for chunk in answer.aiter_raw():
                head += chunk
                if len(head) >= _BODY_HEAD_BYTES:
                    break
    except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, OSError) as problem:
        return Probe(False, url, error=_said(problem))
    ok = health.expect_least <= answer.status_code <= health.expect_most
    body = bytes(head[:_BODY_HEAD_BYTES]).decode("utf-8", "replace").replace("\x00", "\ufffd")
    error = None if ok else f"answered {answer.status_code}"
    return Probe(ok, url, answer.status_code, body, error)


async def _tcp(port: int, timeout_s: float) -> Probe:
    url = f"tcp://{LOOPBACK}:{port}"
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(LOOPBACK, port)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_HUNG_UP_WITHIN_S):
                    if not await reader.read(1):
                        return Probe(False, url, error="nobody listens on that port in the container")
    except (TimeoutError, OSError) as problem:
        return Probe(False, url, error=_said(problem))
    finally:
        if writer is not None:
            writer.close()
    return Probe(True, url)


def _said(problem: Exception) -> str:
    return (
        "no answer in time" if isinstance(problem, TimeoutError | httpx2.TimeoutException) else str(problem)[:300]
    )
