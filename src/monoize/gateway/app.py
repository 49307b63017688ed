"""The gateway as an ASGI application: which address means what, and every refusal in the words of its caller.

It knows no database: keys, prices and channels come to it across the wall, and charges leave it the same way.
"""

import re
import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import msgspec
import structlog
from starlette.types import Receive, Scope, Send

from monoize.base.errors import Refusal, TooMany
from monoize.base.ids import new_id
from monoize.contract.grant import Grant
from monoize.contract.snapshot import Snapshot
from monoize.gateway import ceiling, errors, models, operations
from monoize.gateway.bystanders import Bystanders
from monoize.gateway.dialects import (
    CHAT,
    COMPACT,
    EMBEDDINGS,
    GEMINI,
    IMAGE_EDITS,
    IMAGES,
    MESSAGES,
    RESPONSES,
    Dialect,
)
from monoize.gateway.exchange import JSON_TYPE, CallerLeft, Exchange, Header
from monoize.gateway.facts import read_facts
from monoize.gateway.job import Job
from monoize.gateway.json_body import read_object, without
from monoize.gateway.keys import Keys
from monoize.gateway.models import PricedModel, Shape
from monoize.gateway.protocol.messages.count import estimate_input_tokens
from monoize.gateway.protocol.urp import is_conversation
from monoize.gateway.relay import Relay
from monoize.gateway.routes import Route, Routes
from monoize.infra.client_address import Network, client_address

log = structlog.get_logger(__name__)

BODY_MOST: Final = 50 * 2**20

# OpenAI's and Anthropic's clients put /v1 behind the base URL, Google's either of two versions.
_PREFIX: Final = re.compile(r"(?:/api)?(?=/v1(?:beta)?/)")
_GEMINI: Final = re.compile(r"/v1(?:beta)?/models/([^/:]{1,191}):(generateContent|streamGenerateContent)")
_ONE_MODEL: Final = re.compile(r"/v1(?:beta)?/models/(.{1,191})")
_DIALECTS: Final = {
    "/v1/chat/completions": CHAT,
    "/v1/responses": RESPONSES,
    "/v1/responses/compact": COMPACT,
    "/v1/messages": MESSAGES,
    "/v1/embeddings": EMBEDDINGS,
    "/v1/images/generations": IMAGES,
    "/v1/images/edits": IMAGE_EDITS,
}
_encoder: Final = msgspec.json.Encoder()


class Asked(NamedTuple):
    """What the address says; `model` and `stream` where it does."""

    dialect: Dialect
    model: str | None = None
    stream: bool | None = None
    array: bool = False


_ASKED: Final = {path: Asked(dialect) for path, dialect in _DIALECTS.items()}


def is_ours(path: str) -> bool:
    return path.startswith(("/v1/", "/v1beta/", "/api/v1/", "/api/v1beta/"))


class Gateway:
    def __init__(
        self,
        keys: Keys,
        relay: Relay,
        bystanders: Bystanders,
        snapshot: Callable[[], Snapshot],
        *,
        trusted: tuple[Network, ...] = (),
    ) -> None:
        self._keys = keys
        self._routes = Routes(snapshot)
        self._relay = relay
        self.bystanders = bystanders
        self._snapshot = snapshot
        self._trusted = trusted

    async def offers(self, key_digest: str, otherwise: Grant) -> Sequence[PricedModel]:
        """What may be asked for with this key, or while nobody may use it with `otherwise`."""
        grant = await self._keys.granted(key_digest) or otherwise
        return models.priced(self._snapshot(), grant)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        peer = scope["client"][0] if scope.get("client") else None
        ip = client_address(peer, scope["headers"], self._trusted)
        exchange = Exchange(scope, receive, send, request_id=new_id(), ip=ip)
        path = exchange.path if exchange.path in _ASKED else _PREFIX.sub("", exchange.path, count=1)
        asked = _asked(path, exchange)
        dialect = asked.dialect if asked else _dialect_of(path, exchange)
        try:
            await self._answer(exchange, path, asked)
        except CallerLeft:
            return
        except Refusal as refusal:
            await _refuse(exchange, dialect, refusal)
        except RecursionError:
            # It could be read, but not be written again in another protocol.
            await _refuse(exchange, dialect, errors.MalformedRequest("The request is nested too deeply."))
        except Exception:  # The last rung: whatever was not foreseen must still be answered and logged.
            log.exception("gateway_failed", path=path[:64], request_id=exchange.request_id)
            await _refuse(exchange, dialect, errors.GatewayBroken())
        finally:
            self.bystanders.ended(dialect.name, exchange)

    async def _answer(self, exchange: Exchange, path: str, asked: Asked | None) -> None:
        if asked is not None and exchange.method == "POST":
            job, route = await self._job(exchange, asked)
            self.bystanders.begins(job)
            await self._relay.serve(job, route)
            return
        match exchange.method, path:
            case "POST", "/v1/messages/count_tokens":
                await self._count(exchange)
            case "GET", "/v1/responses":
                raise errors.WebsocketRequired
            case "GET" | "HEAD", "/v1/models" | "/v1beta/models":
                grant = await self._keys.grant(exchange)
                await _tell(exchange, models.listed(self._snapshot(), grant, _shape(path, exchange)))
            case "GET" | "HEAD", _ if found := _ONE_MODEL.fullmatch(path):
                grant = await self._keys.grant(exchange)
                await _tell(exchange, models.one(self._snapshot(), grant, _shape(path, exchange), found[1]))
            case _:
                raise errors.UnknownPath

    async def _job(self, exchange: Exchange, asked: Asked) -> tuple[Job, Route]:
        grant = await self._keys.grant(exchange)
        body = await exchange.body(BODY_MOST)
        name = asked.dialect.name
        form = operations.read_form_of(exchange, body) if name == "image_edits" else None
        parsed = read_object(body) if form is None else form.members()
        grant = ceiling.lowered(grant, exchange, parsed)
        if ceiling.MEMBER in parsed:
            form = form and form.without(ceiling.MEMBER)
            body = form.body if form else without(body, ceiling.MEMBER)
            del parsed[ceiling.MEMBER]
        facts = (
            read_facts(name, parsed, model=asked.model, stream=asked.stream)
            if is_conversation(name)
            else operations.read_facts(name, parsed)
        )
        route = self._routes.of(grant, facts.model, asked.dialect)
        job = Job(
            exchange,
            asked.dialect,
            body=body,
            parsed=parsed,
            facts=facts,
            grant=grant,
            model=route.model,
            effort=route.effort,
            at_ms=time.time_ns() // 1_000_000,
            array=asked.array,
            form=form,
        )
        return job, route

    async def _count(self, exchange: Exchange) -> None:
        await self._keys.grant(exchange)
        parsed = read_object(await exchange.body(BODY_MOST))
        await _tell(exchange, {"input_tokens": estimate_input_tokens(parsed)})


def _asked(path: str, exchange: Exchange) -> Asked | None:
    if asked := _ASKED.get(path):
        return asked
    if found := _GEMINI.fullmatch(path):
        streams = found[2] == "streamGenerateContent"
        return Asked(GEMINI, found[1], streams, array=streams and exchange.query.get("alt") != "sse")
    return None


def _dialect_of(path: str, exchange: Exchange) -> Dialect:
    """In whose words to refuse what nobody serves, or to tell of models."""
    if path.startswith("/v1/messages") or b"anthropic-version" in exchange.headers:
        return MESSAGES
    return GEMINI if path.startswith("/v1beta/") or b"x-goog-api-key" in exchange.headers else CHAT


def _shape(path: str, exchange: Exchange) -> Shape:
    shapes: dict[str, Shape] = {"messages": "anthropic", "gemini": "google"}
    return shapes.get(_dialect_of(path, exchange).name, "openai")


async def _tell(exchange: Exchange, document: dict[str, object]) -> None:
    await exchange.answer(200, _encoder.encode(document), [(b"content-type", JSON_TYPE)])


async def _refuse(exchange: Exchange, dialect: Dialect, refusal: Refusal) -> None:
    if exchange.is_over:
        return
    param = getattr(refusal, "param", None)
    code = getattr(refusal, "said_code", None) or refusal.code
    about = {"param": param, "request_id": exchange.request_id, "hint": refusal.cure}
    if exchange.has_begun:
        await exchange.finish(dialect.error_event(refusal.status, code, refusal.message, **about))
        return
    body = _encoder.encode(dialect.error_body(refusal.status, code, refusal.message, **about))
    await exchange.answer(refusal.status, body, [(b"content-type", JSON_TYPE), *_headers(refusal)])


def _headers(refusal: Refusal) -> list[Header]:
    if isinstance(refusal, TooMany):
        return [(b"retry-after", b"%d" % refusal.retry_after_s)]
    # Both SDKs obey this before they look at the status: trying again would find the same.
    return [(b"x-should-retry", b"false")] if refusal.status in (402, 403, 404, 409) else []
