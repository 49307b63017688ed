"""What waits and what is held, for whoever watches over it."""

import re

from support.answers import refusal
from support.money import Till, request

from monoize.base.ids import new_id
from monoize.contract.budgets import user_budget
from monoize.infra.holds import Claim


async def test_what_waits_and_what_is_held_is_counted(till: Till):
    user_id = await till.person(100)
    await till.money.meter.admit(request(new_id(), user_id, 1), [Claim(user_budget(user_id), 10)])
    root = await till.house.make_root()

    answer = await root.get("/api/metrics")

    assert "text/plain; version=0.0.4; charset=utf-8" == answer.headers["content-type"]
    assert re.search(r'monoize_task_succeeded_seconds{task="money.handover"} ', answer.text)
    assert re.search(r'monoize_database_connections_most{pool="writer"} 1\n', answer.text)
    figures = dict(re.findall(r"^(\w+) ([0-9.]+)$", answer.text, re.MULTILINE))
    assert ("1", "1", "0", "0") == tuple(
        figures[f"monoize_{name}"]
        for name in ("requests_in_flight", "holds", "charges_waiting", "charges_set_aside")
    )


async def test_only_who_may_sees_them(till: Till):
    root = await till.house.make_root()
    watcher = await till.house.make_token(root, "watcher", role="admin", scopes=["metrics.read"])
    viewer = await till.house.make_token(root, "viewer", role="viewer")

    for path in ("/api/metrics", "/metrics"):
        assert 200 == (await watcher.get(path)).status_code
        assert (403, "not_permitted") == refusal(await viewer.get(path))
        assert (401, "unauthenticated") == refusal(await till.house.visitor().get(path))
    told = (await watcher.get("/metrics")).text
    assert 'monoize_control_requests_total{method="GET",status="401"} 2\n' in told


async def test_they_may_be_opened_to_programs_on_this_machine_and_to_no_others(open_till_here: Till):
    visitor = open_till_here.house.visitor()

    assert 200 == (await visitor.get("/metrics", headers={"x-forwarded-for": "127.0.0.1"})).status_code
    for ip in ("198.51.100.7", "10.0.0.1"):
        answer = await visitor.get("/metrics", headers={"x-forwarded-for": ip})
        assert (401, "unauthenticated") == refusal(answer)
    assert (401, "unauthenticated") == refusal(await visitor.get("/api/metrics"))
