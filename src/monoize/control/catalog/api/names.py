"""/api/redirects and /api/suffixes: what names of models mean that nobody offers."""

from collections.abc import Awaitable, Sequence
from typing import Annotated, TypeVar

from pydantic import Field
from starlette.responses import Response

from monoize.base.principal import Call
from monoize.contract.snapshot import Effort
from monoize.control.catalog.actions import names
from monoize.control.catalog.model.names import REDIRECTS_MOST, SUFFIXES_MOST, Suffix
from monoize.control.edge.caller import Mutation, mutates, requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.redirects import ModelRedirect, RedirectRule
from monoize.control.edge.routers import Router
from monoize.control.edge.wire import STORABLE, Page, Wire

router = Router(tags=["providers"])

Item = TypeVar("Item")


class Redirects(Wire):
    redirects: Annotated[list[RedirectRule], Field(max_length=REDIRECTS_MOST)]


class SuffixGiven(Wire):
    suffix: Annotated[str, Field(min_length=2, max_length=64, pattern=r"^[-:@/_]\S+$"), STORABLE]
    effort: Effort


class Suffixes(Wire):
    suffixes: Annotated[list[SuffixGiven], Field(max_length=SUFFIXES_MOST)]


@router.get("/redirects")
async def list_redirects(
    house: HouseHere, call: Annotated[Call, requires("providers.read")]
) -> Page[ModelRedirect]:
    """Of everybody; those of a key come before them. The first that matches counts."""
    async with house.database.read() as tx:
        return Page(await names.list_redirects(tx), None)


@router.put("/redirects", response_model=Page[ModelRedirect])
async def replace_redirects(body: Redirects, mutation: Annotated[Mutation, mutates("providers.write")]) -> Response:
    """In place of all that there are."""
    rules = [rule.value() for rule in body.redirects]
    return await mutation.run(lambda change: _page(names.replace_redirects(change, rules)))


@router.get("/suffixes")
async def list_suffixes(house: HouseHere, call: Annotated[Call, requires("providers.read")]) -> Page[Suffix]:
    """Beside those that everybody knows, such as -high."""
    async with house.database.read() as tx:
        return Page(await names.list_suffixes(tx), None)


@router.put("/suffixes", response_model=Page[Suffix])
async def replace_suffixes(body: Suffixes, mutation: Annotated[Mutation, mutates("providers.write")]) -> Response:
    """In place of all that there are."""
    wanted = [Suffix(each.suffix, each.effort) for each in body.suffixes]
    return await mutation.run(lambda change: _page(names.replace_suffixes(change, wanted)))


async def _page(items: Awaitable[Sequence[Item]]) -> Page[Item]:
    return Page(await items, None)
