"""/api/transforms: what can be done to requests and answers on their way, and the rules for all of them."""

import dataclasses
from collections.abc import Awaitable, Mapping, Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import Field
from starlette.responses import Response

from monoize.base.principal import Call
from monoize.contract.transforms.catalogue import CATALOGUE, schema_of
from monoize.contract.transforms.rule import Config, Phase, Reach
from monoize.control.catalog.actions import transforms
from monoize.control.edge.caller import Mutation, mutates, requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.edge.transforms import RULES_MOST, RuleGiven, TransformRule
from monoize.control.edge.wire import Page, Wire

router = Router(prefix="/transforms", tags=["transforms"])

Scope = Literal["provider", "global", "key"]
Keys = Literal["everybody", "administrators", "nobody"]
_KEYS: Final[Mapping[Reach, Keys]] = {
    "every_key": "everybody",
    "admin_keys": "administrators",
    "no_key": "nobody",
}


@dataclasses.dataclass(frozen=True, slots=True)
class TransformShown:
    """`keys` says on whose API keys it may be put; `config_schema` is JSON Schema of what it is told."""

    id: str
    description: str
    phases: Sequence[Phase]
    scopes: Sequence[Scope]
    keys: Keys
    config_schema: Mapping[str, Any]


class RulesGiven(Wire):
    rules: Annotated[list[RuleGiven], Field(max_length=RULES_MOST)]


@router.get("")
async def list_transforms(call: Annotated[Call, requires("self")]) -> Page[TransformShown]:
    """All that there are."""
    return Page([_shown(name, kind) for name, kind in CATALOGUE.items()], None)


@router.get("/rules")
async def list_rules(house: HouseHere, call: Annotated[Call, requires("providers.read")]) -> Page[TransformRule]:
    """Those for all requests: they come behind those of a provider and before those of a key."""
    async with house.database.read() as tx:
        return Page(await transforms.list_rules(tx), None)


@router.put("/rules", response_model=Page[TransformRule])
async def replace_rules(body: RulesGiven, mutation: Annotated[Mutation, mutates("providers.write")]) -> Response:
    """In place of all that there are for all requests."""
    rules = [rule.value() for rule in body.rules]
    return await mutation.run(lambda change: _page(transforms.replace_rules(change, rules)))


async def _page(rules: Awaitable[Sequence[TransformRule]]) -> Page[TransformRule]:
    return Page(await rules, None)


def _shown(name: str, kind: type[Config]) -> TransformShown:
    scopes: list[Scope] = ["provider", "global"]
    if kind.reach != "no_key":
        scopes.append("key")
    description = " ".join((kind.__doc__ or "").split())
    return TransformShown(name, description, kind.phases, scopes, _KEYS[kind.reach], schema_of(kind))
