"""/api/providers/…/test, discover: what an upstream says when it is asked, by the gateway of this process.

Nothing is changed by it and nothing charged. A stored API key goes to the stored address and nowhere else.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Annotated

from fastapi import Depends, Request

from monoize.base.principal import Call
from monoize.contract.snapshot import ChannelType
from monoize.contract.upstreams import Condition, Upstreams
from monoize.control.catalog.actions import routing
from monoize.control.catalog.api.provider_wire import ApiKey, BaseUrl
from monoize.control.catalog.api.wire import ModelName
from monoize.control.catalog.errors import GatewayElsewhere, ModelNotOffered
from monoize.control.edge.caller import requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.edge.wire import Uuid, Wire

router = Router(prefix="/providers", tags=["providers"])


def _upstreams(request: Request) -> Upstreams | None:
    found: Upstreams | None = getattr(request.app.state, "upstreams", None)
    return found


UpstreamsHere = Annotated[Upstreams | None, Depends(_upstreams)]
"""None in a process without a gateway."""


def conditions(upstreams: UpstreamsHere) -> Mapping[str, Condition]:
    return upstreams.conditions() if upstreams else {}


ConditionsHere = Annotated[Mapping[str, Condition], Depends(conditions)]
"""How channels are doing, by id; nothing is known of those that nobody is sent to."""


class ChannelTest(Wire):
    """Without `model` the first of its models by name is asked."""

    model: ModelName | None = None


class Discovery(Wire):
    """An upstream that is not stored yet, and the API key that it wants, if it wants one."""

    type: ChannelType
    base_url: BaseUrl
    api_key: ApiKey | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class ChannelTested:
    """`error` says in general words what went wrong."""

    success: bool
    model: str
    latency_ms: int
    error: str | None


@dataclasses.dataclass(frozen=True, slots=True)
class Discovered:
    models: Sequence[str]


@router.post("/discover")
async def discover(
    body: Discovery, call: Annotated[Call, requires("providers.write")], upstreams: UpstreamsHere
) -> Discovered:
    """The models that an upstream says it has, by name."""
    return Discovered(await _here(upstreams).models(body.type, body.base_url, body.api_key or ""))


@router.post("/{provider_id}/channels/{channel_id}/discover")
async def discover_of_channel(
    provider_id: Uuid,
    channel_id: Uuid,
    house: HouseHere,
    call: Annotated[Call, requires("providers.write")],
    upstreams: UpstreamsHere,
) -> Discovered:
    """The same, of a stored channel with its stored key."""
    async with house.database.read() as tx:
        _, channel = await routing.described(tx, house.seal, provider_id, channel_id)
    return Discovered(await _here(upstreams).models(channel.type, channel.base_url, channel.credential))


@router.post("/{provider_id}/channels/{channel_id}/test")
async def test_channel(
    provider_id: Uuid,
    channel_id: Uuid,
    body: ChannelTest,
    house: HouseHere,
    call: Annotated[Call, requires("providers.write")],
    upstreams: UpstreamsHere,
) -> ChannelTested:
    """A tiny request, as callers' requests are sent. A channel that answers is healthy again."""
    async with house.database.read() as tx:
        provider, channel = await routing.described(tx, house.seal, provider_id, channel_id)
    model = body.model or min(channel.offers, default="")
    if model not in channel.offers:
        raise ModelNotOffered
    trial = await _here(upstreams).test(provider, channel, model)
    return ChannelTested(trial.error is None, model, trial.latency_ms, trial.error)


def _here(upstreams: Upstreams | None) -> Upstreams:
    if upstreams is None:
        raise GatewayElsewhere
    return upstreams
