"""/routing: what names of models mean that nobody offers, and what is done to all requests on their way."""

import json
from collections.abc import Sequence
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from monoize.base.errors import Refusal
from monoize.control.catalog.actions import names, transforms
from monoize.control.catalog.api.names import Redirects, Suffixes
from monoize.control.catalog.api.transforms import RulesGiven
from monoize.control.catalog.model.names import Suffix
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.edge.redirects import ModelRedirect
from monoize.control.edge.transforms import stored
from monoize.dashboard.forms import Form, checked, invalid, read_form
from monoize.dashboard.page import page_router
from monoize.dashboard.pages.catalog.providers import Reader, Writer
from monoize.dashboard.render import render, see_other

router = page_router()

_EXPECTED: Final = {
    "redirects": "Write on each line a regular expression, =, and the model that is meant.",
    "suffixes": "Write on each line a suffix such as -deep, =, and an effort such as high.",
    "rules": "One of them is not known, or is not told what it needs.",
}


@router.get("/routing")
async def show(request: Request, house: HouseHere, person: Reader) -> Response:
    return render(request, "catalog/routing.html", form=await _as_it_is(house))


@router.post("/routing/redirects")
async def replace_redirects(request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    try:
        pairs = [_pair(line) for line in form.lines("redirects")]
        body = checked(Redirects, _EXPECTED, redirects=[{"pattern": a, "replace": b} for a, b in pairs])
        async with house.audit_log.change(person.call) as change:
            await names.replace_redirects(change, [rule.value() for rule in body.redirects])
    except Refusal as refusal:
        return await _refused(request, house, form, refusal)
    return see_other("/routing?done=routing_saved")


@router.post("/routing/suffixes")
async def replace_suffixes(request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    try:
        pairs = [_pair(line) for line in form.lines("suffixes")]
        body = checked(Suffixes, _EXPECTED, suffixes=[{"suffix": a, "effort": b} for a, b in pairs])
        async with house.audit_log.change(person.call) as change:
            await names.replace_suffixes(change, [Suffix(each.suffix, each.effort) for each in body.suffixes])
    except Refusal as refusal:
        return await _refused(request, house, form, refusal)
    return see_other("/routing?done=routing_saved")


@router.post("/routing/transforms")
async def replace_transforms(request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    try:
        body = checked(RulesGiven, _EXPECTED, rules=_json(form))
        async with house.audit_log.change(person.call) as change:
            await transforms.replace_rules(change, [rule.value() for rule in body.rules])
    except Refusal as refusal:
        return await _refused(request, house, form, refusal)
    return see_other("/routing?done=routing_saved")


async def _refused(request: Request, house: House, form: Form, refusal: Refusal) -> Response:
    """What was entered in one part, beside the others as they are."""
    known = await _as_it_is(house)
    entered = Form({**known.values, **form.values}, refusal)
    return render(request, "catalog/routing.html", form=entered, refusal=refusal)


async def _as_it_is(house: House) -> Form:
    async with house.database.read() as tx:
        redirects, suffixes = await names.list_redirects(tx), await names.list_suffixes(tx)
        rules = [stored(rule) for rule in await transforms.list_rules(tx)]
    return Form(
        {
            "redirects": _lines(redirects),
            "suffixes": "\n".join(f"{each.suffix} = {each.effort}" for each in suffixes),
            "rules": json.dumps(rules, indent=2) if rules else "",
        }
    )


def _lines(redirects: Sequence[ModelRedirect]) -> str:
    return "\n".join(f"{rule.pattern} = {rule.replace}" for rule in redirects)


def _pair(line: str) -> tuple[str, str]:
    """What is meant has no blanks in it, so the last sign between blanks divides them."""
    left, _, right = line.rpartition(" = ")
    return left.strip(), right.strip()


def _json(form: Form) -> Any:
    text = form.text("rules")
    try:
        return json.loads(text) if text else []
    except (ValueError, RecursionError):
        raise invalid(rules="This is not JSON.") from None
