"""The runner that tries a credential out by one small call of the tool itself, and may hand back a renewed one."""

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import Mapping
from typing import Any, Final

from monoize.control.fleet.drivers.answers import NoAnswer, ask, ping
from monoize.control.fleet.model.documents import Document

TIMEOUT_S: Final = 8
_READY_S: Final = 2.0
_READY_RETRY_S: Final = 0.5
_OVERHEAD_S: Final = 2
_REASON_CHARS_MOST: Final = 200
_VERSION_CHARS_MOST: Final = 64


class RunnerAway(Exception):
    """The runner did not answer: nobody knows whether the credential works."""


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """Whether it works; `renewed` is the document as the tool left it, if the tool changed it."""

    works: bool
    reason: str | None
    latency_ms: int
    codex_version: str | None
    renewed: Document | None = dataclasses.field(repr=False)


class Runner:
    def __init__(self, url: str, base_url: str) -> None:
        self._url = url
        self._base_url = base_url

    async def validate(self, document: Document, fqdn: str | None = None) -> Verdict:
        """Asked once: the tool may renew the login while it tries it out, and cannot do so twice with one token."""
        await self._ready()
        body: dict[str, Any] = {
            "auth_json": document,
            "base_url": self._base_url,
            "timeout_seconds": TIMEOUT_S,
            **({"fqdn": fqdn} if fqdn else {}),
        }
        started = time.monotonic()
        try:
            status, answer = await ask(self._url, body, within_s=TIMEOUT_S + _OVERHEAD_S)
        except NoAnswer as problem:
            raise RunnerAway(str(problem)) from problem
        return _verdict(status, answer, round((time.monotonic() - started) * 1000))

    async def _ready(self) -> None:
        """A runner that just starts is given half a second."""
        with contextlib.suppress(NoAnswer):
            return await ping(self._url, within_s=_READY_S)
        await asyncio.sleep(_READY_RETRY_S)
        try:
            await ping(self._url, within_s=_READY_S)
        except NoAnswer as problem:
            raise RunnerAway(str(problem)) from problem


def _verdict(status: int, answer: Mapping[str, Any], latency_ms: int) -> Verdict:
    said = answer.get("status")
    if said not in ("ok", "fail"):
        raise RunnerAway(f"HTTP {status} without a verdict")
    renewed = answer.get("updated_auth")
    return Verdict(
        works=said == "ok" and status == 200,
        reason=_text(answer.get("reason"), _REASON_CHARS_MOST),
        latency_ms=latency_ms,
        codex_version=_text(answer.get("codex_version"), _VERSION_CHARS_MOST),
        renewed=renewed if isinstance(renewed, Mapping) else None,
    )


def _text(said: object, chars_most: int) -> str | None:
    return said[:chars_most] if isinstance(said, str) and said else None
