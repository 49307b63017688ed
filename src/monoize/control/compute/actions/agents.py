"""What is done with agents. The token of one is shown once, at its birth and when it is given another.

The same token opens the gateway of models, at the cost of the agent's user: as a key that is lent to it.
"""

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from monoize.base.ids import new_id
from monoize.base.principal import Principal
from monoize.control.compute.actions import power
from monoize.control.compute.actions.standings import plan_of
from monoize.control.compute.errors import LimitExceeded, NoPlan, NoSuchAgent, RecordNotYours
from monoize.control.compute.model.agents import Agent, Token, new_token, token_place
from monoize.control.compute.model.operations import Operation
from monoize.control.compute.store import agents, machines
from monoize.control.edge.wire import Page, Window
from monoize.control.governance.actions import records
from monoize.control.identity.actions import keys, lent_keys
from monoize.control.identity.actions import plans as users_plans
from monoize.control.identity.actions.lent_keys import LentKey
from monoize.control.identity.model import ApiKey
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx
from monoize.infra.sealed import Seal

_PREFIX: Final = "agent-"
_PREFIX_CHARS: Final = 8


@dataclasses.dataclass(frozen=True, slots=True)
class AgentToken:
    """An agent and its new token, which is never shown again."""

    agent: Agent
    gateway_token: str = dataclasses.field(repr=False)


class LentTo(NamedTuple):
    """An agent to which a key is lent, the record that limits it, and the machine that it runs on."""

    agent_id: str
    record_id: str | None
    machine_id: str | None


async def list_agents(
    tx: Tx, window: Window, *, user_id: str | None, name: str | None = None, containing: str | None = None
) -> Page[Agent]:
    found = await agents.page(tx, window, user_id=user_id, name=name, containing=containing)
    return window.page(found, lambda agent: agent.id)


async def find(tx: Tx, caller: Principal, agent_id: str, *, to_change: bool = False, lock: bool = False) -> Agent:
    """Of somebody else it is not there, unless the caller has the permission for everybody's."""
    agent = await agents.get(tx, agent_id, lock=lock)
    if agent.user_id != caller.user_id and not caller.may("compute.write" if to_change else "compute.read"):
        raise NoSuchAgent
    return agent


async def on_machine(tx: Tx, machine_id: str) -> Agent | None:
    """For those who may see the machine."""
    return await agents.of_machine(tx, machine_id)


async def create_agent(change: Change, seal: Seal, user_id: str, values: Mapping[str, Any]) -> AgentToken:
    tx = change.tx
    # The lock on the user makes counting and adding one step, so that the limit holds under concurrency.
    await users_plans.hold(tx, user_id)
    plan = await plan_of(tx, user_id)
    if plan is None:
        raise NoPlan
    if await agents.count_of(tx, user_id) >= plan.max_agents:
        raise LimitExceeded(limit="max_agents", most=plan.max_agents)
    await _check_record(tx, change.call.principal, values)
    id, token = new_id(), new_token()
    columns = {"user_id": user_id, **values, **_token_columns(seal, id, token)}
    agent = await _with_key(tx, await agents.add(tx, id=id, values=columns), token.digest)
    change.record("agent.create", "agent", agent.id, user_id=user_id, name=agent.name)
    return AgentToken(agent, token.shown)


async def update_agent(change: Change, agent_id: str, values: Mapping[str, Any]) -> Agent:
    """Its name, the record that limits it, and whether it is let out at all."""
    tx, caller = change.tx, change.call.principal
    agent = await find(tx, caller, agent_id, to_change=True, lock=True)
    await _check_record(tx, caller, values)
    changed = await agents.change(tx, agent.id, values) if values else agent
    if changed.gateway_key_id and changed.enabled != agent.enabled:
        await lent_keys.allow(tx, changed.gateway_key_id, allowed=changed.enabled)
    change.record(
        "agent.update", "agent", agent.id, user_id=agent.user_id, name=changed.name, changed=sorted(values)
    )
    return changed


async def rotate_token(change: Change, seal: Seal, agent_id: str, now: dt.datetime) -> AgentToken:
    """The old one is refused at once; the machine, if there is one, is given the new one."""
    tx = change.tx
    agent = await find(tx, change.call.principal, agent_id, to_change=True)
    # Machines are locked before agents.
    operation = None
    if agent.vps_id:
        requested_by = change.call.principal.label
        operation = await power.refresh(tx, agent.vps_id, requested_by=requested_by, now=now)
    token = new_token()
    await agents.get(tx, agent.id, lock=True)
    changed = await agents.change(tx, agent.id, _token_columns(seal, agent.id, token))
    changed = await _with_key(tx, changed, token.digest)
    operation_id = operation.id if operation else None
    change.record("agent.rotate", "agent", agent.id, user_id=agent.user_id, operation_id=operation_id)
    return AgentToken(changed, token.shown)


async def delete_agent(change: Change, agent_id: str, now: dt.datetime) -> Operation | None:
    """Its token is worth nothing from now on; its machine, if there is one, goes by the operation begun here."""
    tx = change.tx
    agent = await find(tx, change.call.principal, agent_id, to_change=True)
    operation = None
    if agent.vps_id:
        machine = await machines.get(tx, agent.vps_id, lock=True)
        operation = await power.wish(tx, machine, "destroy", requested_by=change.call.principal.label, now=now)
    await agents.get(tx, agent.id, lock=True)
    await agents.remove(tx, agent.id)
    if agent.gateway_key_id:
        await lent_keys.take_back(tx, agent.gateway_key_id)
    operation_id = operation.id if operation else None
    change.record(
        "agent.delete", "agent", agent.id, user_id=agent.user_id, name=agent.name, operation_id=operation_id
    )
    return operation


async def lent_to(tx: Tx, key: ApiKey) -> LentTo | None:
    """The agent whose token this key of the gateway stands for, if it is one's."""
    found = await agents.lent(tx, key.id) if key.key_prefix.startswith(_PREFIX) else None
    return None if found is None else LentTo(*found)


async def shown_by(tx: Tx, caller: Principal) -> str | None:
    """The agent that the caller is, if it has shown an agent's token."""
    return await agents.with_key(tx, caller.id) if caller.kind == "api_key" else None


async def is_itself(tx: Tx, caller: Principal, agent_id: str) -> bool:
    """Whether the caller has shown the token of this very agent."""
    return caller.kind == "api_key" and await agents.with_key(tx, caller.id) == agent_id


async def token_of(tx: Tx, seal: Seal, agent_id: str) -> str:
    """For its machine, and for whoever speaks to it there for its owner. SealBroken if it was changed."""
    return seal.open(await agents.sealed_token(tx, agent_id), *token_place(agent_id))


def _token_columns(seal: Seal, agent_id: str, token: Token) -> dict[str, str]:
    return {
        "gateway_token": token.digest,
        "gateway_token_sealed": seal.seal(token.shown, *token_place(agent_id)),
    }


async def record_of_key(tx: Tx, key_id: str) -> str | None:
    """The record that the key is for, or of the agent whose gateway key it is."""
    if record_id := await keys.record_of(tx, key_id):
        return record_id
    agent_id = await agents.with_key(tx, key_id)
    return None if agent_id is None else await agents.record_of(tx, agent_id)


async def _with_key(tx: Tx, agent: Agent, digest: str) -> Agent:
    wanted = LentKey(
        user_id=agent.user_id,
        name=agent.name,
        prefix=f"{_PREFIX}{agent.id[-_PREFIX_CHARS:]}",
        digest=digest,
        enabled=agent.enabled,
    )
    key_id = await lent_keys.lend(tx, agent.gateway_key_id, wanted)
    return await agents.change(tx, agent.id, {"gateway_key_id": key_id})


async def _check_record(tx: Tx, caller: Principal, values: Mapping[str, Any]) -> None:
    """Who could choose the record of their agent could take its limits away."""
    if "config_id" in values and not caller.may("governance.write"):
        raise RecordNotYours
    if values.get("config_id") is not None:
        await records.get_record(tx, values["config_id"])
