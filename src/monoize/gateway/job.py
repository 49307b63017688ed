"""One request on its way through the gateway: what was asked, in whose name, and what is to be changed in it."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

import msgspec

from monoize.contract.events import Charged
from monoize.contract.gates.decision import Decision, written
from monoize.contract.grant import Grant
from monoize.contract.snapshot import Effort
from monoize.gateway import json_body, suffixes
from monoize.gateway.affinity import Bond
from monoize.gateway.dialects import Dialect
from monoize.gateway.errors import MalformedRequest
from monoize.gateway.exchange import JSON_TYPE, Exchange
from monoize.gateway.facts import Facts, output_name
from monoize.gateway.protocol.errors import BadRequest
from monoize.gateway.protocol.images.form import Form, read_form
from monoize.gateway.protocol.naming import Naming
from monoize.gateway.protocol.urp import Json, Request, StreamEvent, is_conversation
from monoize.gateway.selection import Attempt
from monoize.gateway.trace import trace_of
from monoize.gateway.upstream.answer import Answer

Outcome = TypeVar("Outcome")


class Witness(Protocol):
    """Keeps what channels are sent and what comes of it."""

    def sent(
        self, attempt: Attempt, method: str, address: str, headers: Sequence[tuple[bytes, bytes]], body: bytes
    ) -> None: ...

    def heard(self, answer: Answer) -> None: ...


class Spend(NamedTuple):
    """A budget that only what some providers serve counts for, and that may have no say in whether it is served."""

    budget: str
    provider: str | None
    binds: bool


class Overseer(Protocol):
    """Stands by while a governed request is served."""

    async def calls(self) -> None:
        """A channel is about to be asked."""
        ...

    def sent(self) -> None:
        """The request is leaving for that channel."""
        ...

    async def expects(self, calls: Sequence[str]) -> None:
        """Calls of these tools are in its answer, and are about to be told."""
        ...

    async def unhurried(self, size: int, work: Callable[[], Outcome]) -> Outcome:
        """What looks through so many characters: where that takes long, others have their turn in between."""
        ...

    def concludes(self) -> None:
        """It is about to be written down: what was found in its answer so far is said now."""
        ...


class Retelling(Protocol):
    def feed(self, event: StreamEvent) -> list[StreamEvent]: ...


class Job:
    """Made for each request and used by one task."""

    def __init__(
        self,
        exchange: Exchange,
        dialect: Dialect,
        *,
        body: bytes,
        parsed: Json,
        facts: Facts,
        grant: Grant,
        model: str,
        effort: Effort | None = None,
        at_ms: int,
        array: bool = False,
        form: Form | None = None,
    ) -> None:
        self.exchange = exchange
        self.dialect = dialect
        self.body = body
        self.parsed = parsed
        self.facts = facts
        self.grant = grant
        # The name after redirects: what channels offer.
        self.model = model
        # How hard its name says that it is to think.
        self.effort = effort
        self.at_ms = at_ms
        self.trace = trace_of(exchange.header(b"traceparent"), exchange.header(b"tracestate"))
        # Gemini's streams without `alt=sse` are one JSON array.
        self.array = array
        # What `body` is, if it is no JSON.
        self.form = form
        # Where its conversation was answered last, if that matters.
        self.bond: Bond | None = None
        # How much may be written, when the money does not reach for what was asked.
        self.output_most: int | None = None
        self.witness: Witness | None = None
        # Whether an earlier answer was given once more; None: it was not to be.
        self.cache_hit: bool | None = None
        # Once it is over, if a channel was asked.
        self.charged: Charged | None = None
        # Where it is governed: what the gates said, and the budgets that it spends of beside those of its key.
        self.decisions: list[Decision] = []
        self.spends: Sequence[Spend] = ()
        self.overseer: Overseer | None = None
        # Through which its answer is told after all rules.
        self.retold: Callable[[], Sequence[Retelling]] | None = None
        self.is_replaced = False
        # What becomes of the body of its answer, if that is no conversation.
        self.reread: Callable[[bytes], bytes] | None = None

    def leaving(self) -> None:
        """It goes out to a channel."""
        if self.overseer is not None:
            self.overseer.sent()

    async def expects(self, calls: Sequence[str]) -> None:
        """To be said of an answer before it is told through `retold`."""
        if self.overseer is not None and calls:
            await self.overseer.expects(calls)

    async def unhurried(self, size: int, work: Callable[[], Outcome]) -> Outcome:
        """Work that only where it is governed grows with the size of what is told."""
        return work() if self.overseer is None else await self.overseer.unhurried(size, work)

    @property
    def naming(self) -> Naming:
        return Naming(response_id=self.exchange.request_id, created_at=self.at_ms // 1000)

    @functools.cached_property
    def request(self) -> Request:
        """In the common language."""
        try:
            request = self.dialect.decode_request(self._with_address())
        except BadRequest as problem:
            raise MalformedRequest(problem.message, param=problem.param, code=problem.code) from problem
        changes: dict[str, Any] = {"stream": self.facts.stream}
        if self.output_most is not None:
            changes["max_output_tokens"] = self.output_most
        if self.effort is not None:
            changes["reasoning"] = suffixes.wish(request.reasoning, self.effort)
        return msgspec.structs.replace(request, **changes)

    def replaced(self, request: Request) -> None:
        """It goes on as this, and not in its own words."""
        if request is not self.request:
            self.__dict__["request"] = request
            self.is_replaced = True
        else:
            # Money is held only now: how long the answer may be is not known yet.
            del self.__dict__["request"]

    def reworded(self, parsed: Json) -> None:
        """It goes on with these words in the places of its own."""
        if parsed is self.parsed:
            return
        if self.form is None:
            self.body = msgspec.json.encode(parsed)
        else:
            for name, text in parsed.items():
                if isinstance(text, str) and text != self.parsed[name]:
                    self.form = read_form(self.form.with_text(name, text), self.form.content_type.decode())
        self.parsed = parsed
        self.__dict__.pop("request", None)

    def cut(self, output_most: int) -> None:
        """Its answer, of which its caller did not say how long it may be."""
        self.output_most = output_most
        self.facts = msgspec.structs.replace(self.facts, output_tokens=output_most)

    @property
    def decisions_json(self) -> str | None:
        return written(self.decisions)

    @property
    def agent_record_id(self) -> str | None:
        return self.grant.governed.config_id if self.grant.governed is not None else None

    def _with_address(self) -> Json:
        """Gemini's address says which model is meant; its body does not."""
        return {**self.parsed, "model": self.facts.model} if self.dialect.name == "gemini" else self.parsed

    def own_words(self, upstream_model: str) -> bytes:
        """The body for a channel of the same protocol: as it came, but for what has to be another."""
        if self.form is not None:
            return self.form.with_text("model", upstream_model)
        return json_body.edited(self.body, self._edits(upstream_model))

    @property
    def content_type(self) -> bytes:
        return self.form.content_type if self.form else JSON_TYPE

    def _edits(self, upstream_model: str) -> Mapping[str, Any]:
        edits: dict[str, Any] = {}
        name = self.dialect.name
        if name != "gemini" and self.parsed.get("model") != upstream_model:
            edits["model"] = upstream_model
        if not is_conversation(name):
            return edits
        if self.effort is not None:
            edits |= suffixes.members(
                name, self.parsed, self.effort, model=upstream_model, output_most=self.output_most
            )
        if self.adds_usage:
            edits["stream_options"] = {**(self.parsed.get("stream_options") or {}), "include_usage": True}
        if self.output_most is not None:
            if name == "gemini":
                member = "generation_config" if "generation_config" in self.parsed else "generationConfig"
                own = edits.get(member) or self.parsed.get(member) or {}
                edits[member] = {**own, "maxOutputTokens": self.output_most}
            else:
                edits[output_name(name, self.parsed)] = self.output_most
        return edits

    @property
    def adds_usage(self) -> bool:
        """Whether we ask for a usage that the caller did not ask for, and keep it to ourselves."""
        if self.dialect.name != "chat" or not self.facts.stream:
            return False
        options = self.parsed.get("stream_options")
        if options is not None and not isinstance(options, dict):
            raise MalformedRequest("stream_options is not an object.", param="stream_options")
        return not (options or {}).get("include_usage")

    @property
    def told_anthropic(self) -> list[tuple[bytes, bytes]]:
        """What Anthropic's clients tell its servers beside the body."""
        return [(name, value) for name, value in self.exchange.headers.items() if name.startswith(b"anthropic-")]
