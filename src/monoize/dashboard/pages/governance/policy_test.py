"""/policy-test: picks an agent and a policy, whose editor compares a draft and tries it on recorded requests."""

from typing import Annotated, Literal

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from monoize.contract.policies.catalogue import NAMES, PolicyName, description_of
from monoize.control.edge.here import HouseHere
from monoize.control.edge.wire import Uuid
from monoize.dashboard.agent_records import agent_records
from monoize.dashboard.forms import Form
from monoize.dashboard.page import page_router
from monoize.dashboard.pages.governance import words
from monoize.dashboard.pages.governance.visit import Writer, at
from monoize.dashboard.render import render, see_other

router = page_router()


@router.get("/policy-test")
async def pick(
    request: Request,
    house: HouseHere,
    person: Writer,
    record_id: Annotated[Uuid | Literal[""], Query()] = "",
    policy: Annotated[PolicyName | Literal[""], Query()] = "",
) -> Response:
    if record_id and policy:
        return see_other(f"{at(record_id)}/policies/{policy}")
    async with house.database.read() as tx:
        agents = await agent_records(tx, person)
    return render(
        request,
        "governance/policy_test.html",
        agents=agents,
        policies=[(name, words.policy_title(name), description_of(name).replace("`", "")) for name in NAMES],
        form=Form({"record_id": record_id, "policy": policy or "model_policy_json"}),
    )
