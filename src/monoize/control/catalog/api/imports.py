"""/api/prices/imports, seed: whole price lists, taken over at once or only compared."""

import dataclasses
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field
from starlette.responses import Response

from monoize.base.cost.price import Kind
from monoize.base.principal import Call
from monoize.control.catalog.actions import imports, seed
from monoize.control.catalog.actions.imports import Import, Imported
from monoize.control.catalog.actions.seed import Planted
from monoize.control.catalog.api.wire import Provider, Url
from monoize.control.catalog.model.comparison import Compared, Outcome
from monoize.control.catalog.model.formats import Format, RefusedRow
from monoize.control.catalog.model.records import RateChange
from monoize.control.edge.caller import Mutation, mutates, requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.edge.wire import STORABLE, Wire
from monoize.infra.audit_log import Change

router = Router(prefix="/prices", tags=["prices"])

_PROVIDERS_MOST = 200


class PriceImport(Wire):
    """`document` is the list as text, since a JSON number of its own would lose digits on the way."""

    format: Format
    document: Annotated[str, Field(min_length=2), STORABLE]
    source_url: Url
    providers: Annotated[list[Provider], Field(min_length=1, max_length=_PROVIDERS_MOST)] | None = None

    def wanted(self) -> Import:
        providers = frozenset(self.providers) if self.providers else None
        return Import(self.format, self.document, self.source_url, providers)


@dataclasses.dataclass(frozen=True, slots=True)
class Difference:
    """One price of the list that is not in the book as it is."""

    provider: str
    model_key: str
    kind: Kind
    outcome: Outcome
    changes: Sequence[RateChange]


@dataclasses.dataclass(frozen=True, slots=True)
class ImportReport:
    """`waiting` prices change steeply or had ended, and need a second person; `kept` ones were set by hand.

    `unpriced` models have no price in the list.
    """

    added: int
    changed: int
    unchanged: int
    waiting: int
    kept: int
    unpriced: int
    refused: Sequence[RefusedRow]
    differences: Sequence[Difference]


@router.post("/imports", response_model=ImportReport)
async def import_prices(body: PriceImport, mutation: Annotated[Mutation, mutates("prices.write")]) -> Response:
    wanted = body.wanted()
    listed = wanted.read()

    async def taken_over(change: Change) -> ImportReport:
        return report_of(await imports.take_over(change, wanted, listed))

    return await mutation.run(taken_over)


@router.post("/imports/preview")
async def preview_import(
    body: PriceImport, house: HouseHere, call: Annotated[Call, requires("prices.write")]
) -> ImportReport:
    """What an import would do, without doing it."""
    wanted = body.wanted()
    listed = wanted.read()
    async with house.database.read() as tx:
        return report_of(await imports.preview(tx, wanted, listed))


@router.post("/seed", response_model=Planted)
async def plant_seed(mutation: Annotated[Mutation, mutates("prices.write")]) -> Response:
    """The list that ships with this version; what somebody looks after already stays as it is."""
    return await mutation.run(seed.plant)


def report_of(imported: Imported) -> ImportReport:
    counts = imported.counts
    return ImportReport(
        added=counts["added"],
        changed=counts["changed"],
        unchanged=counts["unchanged"],
        waiting=counts["waiting"],
        kept=counts["kept"],
        unpriced=imported.listed.unpriced,
        refused=imported.listed.refused,
        differences=[_difference(each) for each in imported.compared if each.outcome != "unchanged"],
    )


def _difference(compared: Compared) -> Difference:
    key = compared.proposal.key
    return Difference(key.provider, key.model_key, key.kind, compared.outcome, compared.changes)
