"""Agents and their machines on every engine: as many as the plan allows, each with a token that only it has."""

import asyncio
import dataclasses

import pytest
from control.compute.bench import ComputeBench, own
from control.compute.plans import NOW
from control.ledger.bench import caller
from sqlalchemy import delete, func, select, update
from support.answers import granted
from support.house import Client, RunningHouse

from monoize.base.errors import Refusal, UsageLimitExceeded
from monoize.base.ids import fingerprint, new_id
from monoize.contract.egress import EgressGrant
from monoize.control.compute.actions import agents, channels, egress, power
from monoize.control.compute.actions.agents import LentTo
from monoize.control.compute.errors import (
    AgentDisabled,
    AgentHasMachine,
    LimitExceeded,
    NoPlan,
    NoSuchAgent,
    NoSuchPreset,
    RecordNotYours,
)
from monoize.control.compute.tables import agent_channels, compute_operations, vpses
from monoize.control.compute.tables import agents as agents_table
from monoize.control.compute.tables import plans as plans_table
from monoize.control.identity.actions.key_holders import holder_of
from monoize.control.identity.tables import api_keys, users

CREATES = 20


async def grant(books: ComputeBench, agent_id: str, token: str) -> EgressGrant | None:
    async with books.database.read() as tx:
        return await egress.egress_grant(tx, agent_id, fingerprint(token), now=NOW)


async def test_no_more_agents_come_to_be_at_once_than_the_plan_allows(books: ComputeBench):
    ada = await books.person(await books.plan(max_agents=3))

    made = await asyncio.gather(*(books.agent(ada) for _ in range(CREATES)), return_exceptions=True)

    refused = [each for each in made if isinstance(each, BaseException)]
    assert (3, {LimitExceeded}) == (CREATES - len(refused), {type(each) for each in refused})


async def test_no_more_machines_come_to_be_at_once_than_the_plan_allows_and_an_agent_has_one(books: ComputeBench):
    plan = await books.plan(max_agents=8, max_vpses=3)
    preset, ada = await books.preset(plan), await books.person(plan)
    theirs = [(await books.agent(ada)).agent.id for _ in range(6)]

    made = await asyncio.gather(
        *(books.request(agent_id, preset, ada) for agent_id in theirs * 3), return_exceptions=True
    )

    refused = {type(each) for each in made if isinstance(each, BaseException)}
    assert refused <= {LimitExceeded, AgentHasMachine}
    async with books.database.read() as tx:
        assert 3 == await tx.scalar(select(func.count()).select_from(vpses))
        assert 3 == await tx.scalar(select(func.count()).select_from(compute_operations))
        assert 3 == await tx.scalar(select(func.count()).where(agents_table.c.vps_id.is_not(None)))


async def test_machines_that_are_destroyed_make_room_for_others(books: ComputeBench):
    plan = await books.plan(max_vpses=1)
    preset, ada = await books.preset(plan), await books.person(plan)
    await books.machine(ada, state="destroyed")
    first, second = (await books.agent(ada)).agent.id, (await books.agent(ada)).agent.id

    await books.request(first, preset, ada)

    with pytest.raises(LimitExceeded):
        await books.request(second, preset, ada)


async def test_a_token_lets_its_agent_out_and_opens_the_gateway_and_a_new_one_ends_the_old(books: ComputeBench):
    ada = await books.person()
    machine = await books.machine(ada)
    made = await books.agent(ada, machine)

    before = await grant(books, made.agent.id, made.gateway_token)
    async with books.audit_log.change(own(ada)) as change:
        changed = await agents.rotate_token(change, books.seal, made.agent.id, NOW)

    assert before is not None
    assert (machine, None, ada) == (before.machine_id, before.cut_off, before.user_id)
    assert await grant(books, made.agent.id, made.gateway_token) is None
    assert await grant(books, made.agent.id, changed.gateway_token) == before
    async with books.database.read() as tx:
        assert changed.gateway_token == await agents.token_of(tx, books.seal, made.agent.id)
        holder = await holder_of(tx, fingerprint(changed.gateway_token), NOW)
        lent = await agents.lent_to(tx, holder.key)
        assert (ada, LentTo(made.agent.id, None, machine)) == (holder.owner.id, lent)
        with pytest.raises(Refusal):
            await holder_of(tx, fingerprint(made.gateway_token), NOW)
        stored = repr((await tx.execute(select(agents_table))).all())
    assert changed.gateway_token not in stored
    assert len(bytes.fromhex(changed.gateway_token)) == 32


async def test_wrong_foreign_and_malformed_tokens_let_nobody_out(sqlite_books: ComputeBench):
    ada = await sqlite_books.person()
    one, other = await sqlite_books.agent(ada), await sqlite_books.agent(ada)

    for agent_id in (one.agent.id, new_id(), "x", "", "\x00" * 36, "ä"):
        for token in (other.gateway_token, "", "ä"):
            assert await grant(sqlite_books, agent_id, token) is None
    async with sqlite_books.database.read() as tx:
        assert await egress.egress_grant(tx, one.agent.id, one.gateway_token, now=NOW) is None


async def test_an_agent_is_cut_off_without_a_machine_that_runs_and_without_an_allowance(
    sqlite_books: ComputeBench,
):
    books = sqlite_books
    ada = await books.person()
    machine = await books.machine(ada)
    made, homeless = await books.agent(ada, machine), await books.agent(ada)

    async def cut_off(which: agents.AgentToken) -> str | None:
        found = await grant(books, which.agent.id, which.gateway_token)
        assert found is not None
        return found.cut_off

    assert (None, "no_machine") == (await cut_off(made), await cut_off(homeless))
    for state, expected in (("provisioning", None), ("stopped", "no_machine"), ("running", None)):
        async with books.database.write() as tx:
            await tx.execute(update(vpses).values(state=state))
        assert expected == await cut_off(made)
    await books.assign(ada, None)
    assert "usage_limit_exceeded" == await cut_off(made)


async def test_a_disabled_agent_is_nobody_until_it_is_enabled_again(books: ComputeBench):
    ada = await books.person()
    made = await books.agent(ada, await books.machine(ada))

    async def put(enabled: bool) -> None:
        async with books.audit_log.change(own(ada)) as change:
            await agents.update_agent(change, made.agent.id, {"enabled": enabled})

    await put(False)
    disabled = await grant(books, made.agent.id, made.gateway_token)
    async with books.database.read() as tx:
        with pytest.raises(Refusal):
            await holder_of(tx, fingerprint(made.gateway_token), NOW)
    taken = await books.flush(connected=(made.agent.id,))
    await put(True)

    assert disabled is None
    assert {made.agent.id: "no_machine"} == taken.cut_off
    assert await grant(books, made.agent.id, made.gateway_token) is not None


async def test_a_deleted_agent_leaves_neither_token_nor_key_nor_channel_and_its_machine_goes(books: ComputeBench):
    ada = await books.person()
    machine = await books.machine(ada)
    made = await books.agent(ada, machine)
    async with books.audit_log.change(own(ada)) as change:
        await channels.set_channel(change, books.seal, made.agent.id, "slack", {"token": "xoxb"}, None, now=NOW)

    async with books.audit_log.change(own(ada)) as change:
        operation = await agents.delete_agent(change, made.agent.id, NOW)

    assert operation is not None
    assert ("destroy", machine) == (operation.kind, operation.vps_id)
    assert await grant(books, made.agent.id, made.gateway_token) is None
    async with books.database.read() as tx:
        for table in (agents_table, agent_channels, api_keys):
            assert 0 == await tx.scalar(select(func.count()).select_from(table))
        assert "destroyed" == await tx.scalar(select(vpses.c.desired))


async def test_others_agents_are_not_there_and_administrators_find_them(sqlite_books: ComputeBench):
    books = sqlite_books
    ada, bob = await books.person(), await books.person()
    made = await books.agent(ada)

    async with books.database.read() as tx:
        with pytest.raises(NoSuchAgent):
            await agents.find(tx, own(bob).principal, made.agent.id)
        boss = caller(permissions=frozenset({"compute.read"})).principal
        assert made.agent == await agents.find(tx, boss, made.agent.id)
    with pytest.raises(NoSuchAgent):
        async with books.audit_log.change(own(bob)) as change:
            await agents.rotate_token(change, books.seal, made.agent.id, NOW)
    with pytest.raises(NoSuchAgent):
        async with books.audit_log.change(own(bob)) as change:
            await agents.delete_agent(change, made.agent.id, NOW)


async def test_what_is_refused_to_an_agent_says_why(sqlite_books: ComputeBench):
    books = sqlite_books
    plan = await books.plan()
    preset, other = await books.preset(plan), await books.preset()
    ada, nobody = await books.person(plan), await books.user()
    made = (await books.agent(ada)).agent

    with pytest.raises(NoPlan):
        await books.agent(nobody)
    with pytest.raises(NoSuchPreset):
        await books.request(made.id, other, ada)
    with pytest.raises(RecordNotYours):
        async with books.audit_log.change(own(ada)) as change:
            await agents.update_agent(change, made.id, {"config_id": "loose"})
    await books.flush((made.id, await books.machine(ada), 2**31))
    with pytest.raises(UsageLimitExceeded):
        await books.request(made.id, preset, ada)
    await books.set_budget(ada, 1000)
    async with books.database.write() as tx:
        await tx.execute(update(agents_table).values(enabled=False))
    with pytest.raises(AgentDisabled):
        await books.request(made.id, preset, ada)


async def test_channels_keep_their_credentials_to_the_machine(books: ComputeBench):
    ada = await books.person()
    made = (await books.agent(ada)).agent
    for secret in ("first", "second"):
        async with books.audit_log.change(own(ada)) as change:
            shown = await channels.set_channel(
                change, books.seal, made.id, "slack", {"bot": secret}, secret, now=NOW
            )

    async with books.database.read() as tx:
        listed = (await channels.list_channels(tx, books.seal, own(ada).principal, made.id)).items
        opened = await channels.credentials_of(tx, books.seal, made.id)
        stored = repr((await tx.execute(select(agent_channels))).all())

    assert [shown] == list(listed)
    assert (["bot"], True) == (list(shown.keys), shown.has_webhook_secret)
    assert [("slack", {"bot": "second"}, "second")] == [dataclasses.astuple(each) for each in opened]
    assert "second" not in stored + repr(listed) + repr(opened)


async def test_deleting_a_user_takes_their_machines_and_deleting_a_plan_takes_nobody(books: ComputeBench):
    plan = await books.plan()
    ada, bob = await books.person(plan), await books.person(plan)
    for who in (ada, bob):
        await books.agent(who, await books.machine(who))

    async with books.database.write() as tx:
        await tx.execute(delete(users).where(users.c.id == ada))
        await tx.execute(delete(plans_table).where(plans_table.c.id == plan))

    async with books.database.read() as tx:
        assert [bob] == list((await tx.execute(select(vpses.c.user_id))).scalars())
        assert [bob] == list((await tx.execute(select(agents_table.c.user_id))).scalars())
        assert await tx.scalar(select(users.c.plan_id).where(users.c.id == bob)) is None


async def test_a_stopped_machine_gets_the_new_token_when_it_starts(sqlite_books: ComputeBench):
    books = sqlite_books
    ada = await books.person()
    machine = await books.machine(ada, state="stopped")
    made = await books.agent(ada, machine)
    async with books.database.write() as tx:
        await tx.execute(update(vpses).values(desired="stopped"))

    async with books.audit_log.change(own(ada)) as change:
        await agents.rotate_token(change, books.seal, made.agent.id, NOW)

    async with books.database.read() as tx:
        assert (await power.find(tx, own(ada).principal, machine)).stale
        assert 0 == await tx.scalar(select(func.count()).select_from(compute_operations))


async def test_where_an_agent_gets_out_to_is_what_its_record_says(house: RunningHouse, root: Client):
    security = {"hosts_allow": ["*.example.com"], "hosts_deny": ["bad.example.com"]}
    record = {"name": "a", "role_name": "b", "status": "active", "policies": {"security_policy_json": security}}
    config_id = granted(await root.post("/api/agent-records", json=record))["id"]
    granted(await root.post("/api/plans", json={"name": "some", "max_agents": 1, "max_vpses": 1}))
    granted(await root.put(f"/api/users/{root.user['id']}/plan", json={"plan": "some"}))
    made = granted(await root.post("/api/agents", json={"name": "agent", "config_id": config_id}))

    async with house.house.database.read() as tx:
        token = fingerprint(made["gateway_token"])
        found = await egress.egress_grant(tx, made["agent"]["id"], token, now=NOW)
    assert found is not None
    assert (("*.example.com",), ("bad.example.com",), True) == (
        found.hosts_allow,
        found.hosts_deny,
        found.private_networks_denied,
    )
