"""The kill switch: whoever is stopped does nothing, whatever their role, until somebody who may lifts it."""

from support.agents import make_agent_runtime
from support.answers import granted, refusal, together
from support.house import Client, RunningHouse
from support.rows import last_seq, logs_after

from monoize.contract.stops import Stops
from monoize.control.bridge.snapshots import Snapshots
from monoize.control.governance.actions.stops import load
from monoize.control.identity.model import DEFAULT_TENANT_ID

PATH = "/api/stops"


async def test_an_agent_that_is_stopped_may_nothing_until_it_is_lifted_on_every_engine(
    house_everywhere: RunningHouse,
):
    runtime = await make_agent_runtime(house_everywhere)
    await runtime.set_limits(cost_tier="low")
    root, wanted = runtime.root, {"operation": "d1_query"}
    granted(await runtime.check(**wanted))
    proposed = granted(await runtime.propose())
    path = f"/api/approvals/{proposed['id']}"
    granted(await root.post(f"{path}/approve", json={}))
    subjects = {"global": None, "tenant": DEFAULT_TENANT_ID, "agent": runtime.agent["id"]}

    for scope, subject in subjects.items():
        before = await last_seq(house_everywhere.house.database)
        made = granted(await root.post(PATH, json={"scope": scope, "subject": subject, "reason": "It ran wild."}))
        refused = await runtime.check(**wanted)
        assert (403, "stopped") == refusal(refused)
        assert (scope, "It ran wild.") == (refused.json()["scope"], refused.json()["reason"])
        assert (403, "stopped") == refusal(await runtime.propose())
        consumed = await runtime.program.post(f"{path}/consume", json={"arguments": '{"a": 1, "b": 2}'})
        assert (403, "stopped") == refusal(consumed)
        assert [made] == granted(await root.get(PATH))["items"]
        again = await root.post(PATH, json={"scope": scope, "subject": subject, "reason": "Again."})
        assert (409, "already_stopped") == refusal(again)

        granted(await root.post(f"{PATH}/{made['id']}/lift", json={"reason": "It is tame."}))
        granted(await runtime.check(**wanted))
        rows = await logs_after(house_everywhere.house.database, before)
        assert ["stop.make", "stop.lift"] == [row.action for row in rows]
    granted(await runtime.program.post(f"{path}/consume", json={"arguments": '{"a": 1, "b": 2}'}))


async def test_administrators_stop_what_is_theirs_and_lift_what_no_super_admin_stopped(
    house: RunningHouse, root: Client
):
    other = granted(await root.post("/api/tenants", json={"name": "other"}))["id"]
    record = {"name": "a", "role_name": "b"}
    theirs = granted(await root.post("/api/agent-records", json={**record, "tenant_id": other}))
    ours = granted(await root.post("/api/agent-records", json=record))
    admin = await house.make_user(root, "admin", role="admin")

    async def stop(client: Client, scope: str, subject: str | None):
        return await client.post(PATH, json={"scope": scope, "subject": subject, "reason": "why"})

    for scope, subject in (("global", None), ("tenant", other), ("agent", theirs["id"])):
        assert (403, "not_yours_to_stop") == refusal(await stop(admin, scope, subject))
    of_admin = granted(await stop(admin, "agent", ours["id"]))
    of_root = granted(await stop(root, "agent", ours["id"]))
    assert (404, "stop_not_found") == refusal(await admin.post(f"{PATH}/{of_admin['id']}/lift", json={}))
    assert (403, "not_yours_to_lift") == refusal(await admin.post(f"{PATH}/{of_root['id']}/lift", json={}))
    granted(await root.post(f"{PATH}/{of_root['id']}/lift", json={}))
    mine = granted(await stop(admin, "tenant", DEFAULT_TENANT_ID))
    granted(await admin.post(f"{PATH}/{mine['id']}/lift", json={}))


async def test_who_names_nothing_or_too_much_stops_nothing(root: Client):
    nowhere = "01a1fc11-0000-7000-8000-000000000000"
    for body in ({"scope": "agent"}, {"scope": "global", "subject": nowhere}):
        assert 422 == (await root.post(PATH, json={**body, "reason": "why"})).status_code
    for scope, code in (("agent", "agent_record_not_found"), ("tenant", "tenant_not_found")):
        answer = await root.post(PATH, json={"scope": scope, "subject": nowhere, "reason": "why"})
        assert (404, code) == refusal(answer)
    assert [] == granted(await root.get(PATH))["items"]


async def test_of_several_who_stop_at_once_one_does_on_every_engine(house_everywhere: RunningHouse):
    root = await house_everywhere.make_root()

    answers = await together(
        *(root.post(PATH, json={"scope": "global", "reason": str(number)}) for number in range(5))
    )

    assert [201, *[409] * 4] == sorted(answer.status_code for answer in answers)
    async with house_everywhere.house.database.read() as tx:
        assert (await load(tx)).globally is not None


async def test_snapshots_hear_of_stops_whoever_made_them_and_tell_others(house: RunningHouse, root: Client):
    told: list[str] = []
    snapshots = Snapshots(house.house.database, house.house.seal, lambda: told.append("moved"))
    await snapshots.run()
    first = snapshots.current

    made = granted(await root.post(PATH, json={"scope": "global", "reason": "why"}))
    await snapshots.run()
    assert ("why", first.providers) == (snapshots.current.stopped.globally, snapshots.current.providers)
    assert snapshots.current.generation > first.generation
    await snapshots.run()
    granted(await root.post(f"{PATH}/{made['id']}/lift", json={}))
    await snapshots.run()

    assert (Stops(), ["moved", "moved"]) == (snapshots.current.stopped, told)
