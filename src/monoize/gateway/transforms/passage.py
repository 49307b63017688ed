"""One request on its way to one channel, and its answer on the way back, through the rules that hold for them.

First those of the provider, then those for everything, then those of the key, in both directions. Where no rule
holds, nothing is done: bytes of equal protocols pass as they are.
"""

import fnmatch
import re
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from monoize.base.errors import Refusal
from monoize.contract.transforms.rule import Config, Phase
from monoize.gateway.attempts import Withheld
from monoize.gateway.dialects import Dialect, Seen, StreamEncoder
from monoize.gateway.job import Job
from monoize.gateway.protocol.urp import Json, Protocol, Request, Response, StreamEvent
from monoize.gateway.selection import Attempt
from monoize.gateway.transforms.about import About
from monoize.gateway.transforms.catalogue import TRANSFORMS
from monoize.gateway.transforms.resolve_image_urls import Fetch
from monoize.gateway.transforms.retelling import Chain, Teller, calls_in, events_of, told_again

_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder()


class Passage(msgspec.Struct, frozen=True, kw_only=True):
    """What the channel is asked for, and how."""

    about: About
    model: str
    stream: bool
    # None: as it came.
    request: Request | None = None
    # Of the body that is sent, and of answers.
    edits: Sequence[Config] = ()
    response: Sequence[Config] = ()
    # Through which answers are told after all rules.
    retold: Callable[[], Sequence[Teller]] | None = None

    @property
    def retells(self) -> bool:
        return bool(self.response) or self.retold is not None

    def sent(self, body: Json) -> Json:
        return _edited(body, self.edits)

    def sent_words(self, body: bytes) -> bytes:
        """Of a body that is one JSON object, and otherwise as it came."""
        return _encoder.encode(self.sent(_decoder.decode(body)))

    async def heard(self, job: Job, response: Response, seen: Seen, protocol: Protocol, *, size: int) -> Response:
        """`seen` is what the channel said of it, in its protocol; `size` how much of it is looked through."""
        retellings = self._retellings()
        if not retellings:
            return response
        await job.expects(calls_in(events_of(response)))
        try:
            return await job.unhurried(size, lambda: told_again(response, retellings))
        except Refusal as refusal:
            raise Withheld(refusal, seen, protocol) from refusal

    def chain(self) -> Chain | None:
        """None: the answer is told as it comes."""
        retellings = self._retellings()
        return Chain(retellings) if retellings else None

    def told(self, body: Json) -> Json:
        return _edited(body, self.response)

    def encoder(self, job: Job, origin: Dialect) -> StreamEncoder:
        own = job.dialect.encoder(job.naming, job.request, origin=origin.name, array=job.array)
        edits = [config for config in self.response if TRANSFORMS[type(config)].edited]
        return _EditingEncoder(own, edits) if edits else own

    def _retellings(self) -> list[Teller]:
        made = [(config, TRANSFORMS[type(config)].retold) for config in self.response]
        last = self.retold() if self.retold is not None else ()
        return [*(retold(config, self.about) for config, retold in made if retold), *last]


def passes_as_it_is(job: Job, attempt: Attempt, upstream: Dialect) -> bool:
    """Whether the channel gets the caller's words, and the caller the channel's, with no rule to be looked at."""
    return (
        upstream is job.dialect
        and not job.array
        and not job.is_replaced
        and job.retold is None
        and not attempt.provider.transforms
        and not job.grant.transforms
    )


async def passage_of(job: Job, attempt: Attempt, upstream: Dialect, fetch: Fetch | None = None) -> Passage:
    """Nothing is fetched where there is nothing to fetch with."""
    about = About(
        username=job.grant.username, key_id=job.grant.key_id, caller=job.dialect.name, upstream=upstream.name
    )
    way = Passage(about=about, model=attempt.upstream_model, stream=job.facts.stream, retold=job.retold)
    asked, answered = configs_for(job, attempt, "request"), configs_for(job, attempt, "response")
    if not asked and not answered and not job.is_replaced:
        return way
    edits = [config for config in asked if TRANSFORMS[type(config)].edited]
    way = msgspec.structs.replace(way, edits=edits, response=answered)
    if len(edits) == len(asked) and not job.is_replaced:
        return way
    request = msgspec.structs.replace(job.request, model=attempt.upstream_model)
    for config in asked:
        request = await _changed(job, request, config, about, fetch)
    request = _affordable(request, job.output_most)
    return msgspec.structs.replace(way, request=request, model=request.model, stream=request.stream)


def configs_for(job: Job, attempt: Attempt, phase: Phase) -> Sequence[Config]:
    rules = (*attempt.provider.transforms, *job.grant.transforms)
    if not rules or not job.dialect.is_conversation:
        return ()
    return [rule.config for rule in rules if rule.phase == phase and _matches(job.model, rule.models)]


def _matches(model: str, globs: Sequence[str]) -> bool:
    return not globs or any(fnmatch.fnmatchcase(model, glob) for glob in globs)


async def _changed(job: Job, request: Request, config: Config, about: About, fetch: Fetch | None) -> Request:
    transform = TRANSFORMS[type(config)]
    if transform.request:
        return transform.request(request, config, about)
    if transform.fetched and fetch:
        return await job.exchange.waits_for(transform.fetched(request, config, about, fetch))
    return request


def _affordable(request: Request, output_most: int | None) -> Request:
    """No rule makes an answer longer than the money that is held for it."""
    asked = request.max_output_tokens
    if output_most is None or (asked is not None and asked <= output_most):
        return request
    return msgspec.structs.replace(request, max_output_tokens=output_most)


def _edited(body: Json, configs: Sequence[Config]) -> Json:
    for config in configs:
        if edited := TRANSFORMS[type(config)].edited:
            body = edited(body, config)
    return body


class _EditingEncoder:
    """Each event is edited once it is written: as a server-sent one, or as an element of an array."""

    _EVENT: Final = re.compile(rb"^(data: |\[)?(\{.*\})(\]?)$", re.MULTILINE)

    def __init__(self, encoder: StreamEncoder, edits: Sequence[Config]) -> None:
        self._inner = encoder
        self._edits = edits

    def encode(self, event: StreamEvent) -> bytes:
        return self._EVENT.sub(self._edited, self._inner.encode(event))

    def _edited(self, found: re.Match[bytes]) -> bytes:
        before, body, after = found.groups(b"")
        return before + _encoder.encode(_edited(_decoder.decode(body), self._edits)) + after
