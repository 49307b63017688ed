"""Approvals as a state machine: whatever is tried in whatever order, the store and a model of a few lines agree."""

import asyncio
import contextlib
import dataclasses
import datetime as dt
import tempfile
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from support.agents import make_agent_runtime
from support.engines import SqliteScratch
from support.house import open_house, test_settings

from monoize.base.errors import Refusal
from monoize.base.ids import new_id
from monoize.base.principal import Call, Principal
from monoize.control.governance.actions import approvals as actions
from monoize.control.governance.model.approvals import OPEN, Proposal
from monoize.control.governance.store import approvals
from monoize.control.identity.model import DEFAULT_TENANT_ID

START: Final = dt.datetime(2100, 1, 1, 12, tzinfo=dt.UTC)
"""Far ahead: the house that is open meanwhile lets what is due by its own clock expire."""
TTL_S: Final = 600


def person(name: str) -> Principal:
    return Principal("user", name, name, "admin", DEFAULT_TENANT_ID, frozenset(), user_id=name, session_id=name)


PEOPLE: Final = [person(new_id()) for _ in range(3)]
PROGRAM: Final = Principal("token", "7", "runtime", "deployer", DEFAULT_TENANT_ID, frozenset())
ASKERS: Final = [PROGRAM, PEOPLE[0]]
CALLERS: Final = [*PEOPLE, PROGRAM]


@dataclasses.dataclass
class Modelled:
    id: str
    asker: Principal
    needed: int
    expires_at: dt.datetime
    status: str = "pending"
    voted: dict[str, str] = dataclasses.field(default_factory=dict)
    uses: int = 0


class ApprovalMachine(RuleBasedStateMachine):
    template: SqliteScratch
    asked = Bundle("asked")

    def __init__(self) -> None:
        super().__init__()
        self.now, self.known = START, []
        self.runner, self.stack = asyncio.Runner(), contextlib.AsyncExitStack()
        self.runner.run(self._open())

    async def _open(self) -> None:
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        running = await self.stack.enter_async_context(open_house(test_settings(self.template.fresh(), folder)))
        self.house = running.house
        # The loosest there is, so that `needed` is what was asked for.
        runtime = await make_agent_runtime(running, safety_level="permissive")
        self.agent_id = runtime.agent["id"]

    def teardown(self) -> None:
        self.runner.run(self.stack.aclose())
        self.runner.close()

    def done(self, caller: Principal, verb: Any, *args: Any, **more: Any) -> str:
        """`done`, or the code of the refusal."""

        async def run() -> str:
            try:
                async with self.house.audit_log.change(Call(caller, new_id())) as change:
                    await verb(change, *args, **more)
            except Refusal as refusal:
                return refusal.code
            return "done"

        return self.runner.run(run())

    @rule(target=asked, asker=st.sampled_from(ASKERS), needed=st.integers(1, 2))
    def propose(self, asker: Principal, needed: int) -> Modelled:
        proposal = Proposal(self.agent_id, "tool", "d1_execute", {"n": len(self.known)}, needed=needed, ttl_s=TTL_S)

        async def run() -> str:
            async with self.house.audit_log.change(Call(asker, new_id())) as change:
                return (await actions.propose(change, self.house.seal, proposal, now=self.now)).id

        made = Modelled(self.runner.run(run()), asker, needed, self.now + dt.timedelta(seconds=TTL_S))
        self.known.append(made)
        return made

    @rule(minutes=st.integers(1, 6))
    def wait(self, minutes: int) -> None:
        self.now += dt.timedelta(minutes=minutes)

    @rule(approval=asked, voter=st.sampled_from(CALLERS), decision=st.sampled_from(["approve", "approve", "deny"]))
    def vote(self, approval: Modelled, voter: Principal, decision: str) -> None:
        answer = self.done(voter, actions.decide, approval.id, decision, now=self.now)

        assert self._expected_of_vote(approval, voter) == answer
        if answer == "done":
            approval.voted[voter.id] = decision
            if decision == "deny":
                approval.status = "denied"
            elif len(approval.voted) == approval.needed:
                approval.status = "approved"

    def _expected_of_vote(self, approval: Modelled, voter: Principal) -> str:
        if voter is PROGRAM:
            return "approval_needs_person" if approval.asker is PROGRAM else "approval_not_found"
        if approval.asker is voter:
            return "self_approval"
        if (refused := self._refused(approval, "pending")) is not None:
            return refused
        return "approval_voted" if voter.id in approval.voted else "done"

    @rule(approval=asked, caller=st.sampled_from(ASKERS))
    def withdraw(self, approval: Modelled, caller: Principal) -> None:
        answer = self.done(caller, actions.withdraw, approval.id, now=self.now)

        assert self._expected(approval, caller, "pending") == answer
        if answer == "done":
            approval.status = "withdrawn"

    @rule(approval=asked, caller=st.sampled_from(ASKERS), is_same=st.booleans())
    def consume(self, approval: Modelled, caller: Principal, is_same: bool) -> None:
        arguments = {"n": self.known.index(approval) if is_same else -1}
        answer = self.done(caller, actions.consume, self.house.seal, approval.id, arguments, now=self.now)

        expected = self._expected(approval, caller, "approved")
        assert ("approval_arguments_changed" if expected == "done" and not is_same else expected) == answer
        if answer == "done":
            approval.status, approval.uses = "consumed", approval.uses + 1

    @rule(approval=asked, caller=st.sampled_from(ASKERS), outcome=st.sampled_from(["executed", "failed"]))
    def finish(self, approval: Modelled, caller: Principal, outcome: str) -> None:
        answer = self.done(caller, actions.finish, approval.id, outcome)

        state = "done" if approval.status == "consumed" else "approval_state"
        assert (self._refused_to(approval, caller) or state) == answer
        if answer == "done":
            approval.status = outcome

    @rule(approval=asked)
    def expire(self, approval: Modelled) -> None:
        answer = self.done(PEOPLE[2], actions.expire, approval.id, now=self.now)

        is_due = approval.status in OPEN and self._is_over(approval)
        assert ("done" if is_due else "approval_state") == answer
        if is_due:
            approval.status = "expired"

    @invariant()
    def the_store_agrees(self) -> None:
        async def stored() -> dict[str, tuple[str, int]]:
            async with self.house.database.read() as tx:
                found = [await approvals.get(tx, each.id) for each in self.known]
            return {each.id: (each.status, len(each.votes)) for each in found}

        assert {each.id: (each.status, len(each.voted)) for each in self.known} == self.runner.run(stored())

    @invariant()
    def nothing_is_used_twice_or_without_enough_people_who_did_not_ask(self) -> None:
        for each in self.known:
            assert each.uses <= 1
            if each.uses:
                assert ["approve"] * each.needed == list(each.voted.values())
                assert each.asker.id not in each.voted

    def _expected(self, approval: Modelled, caller: Principal, status: str) -> str:
        return self._refused_to(approval, caller) or self._refused(approval, status) or "done"

    def _refused_to(self, approval: Modelled, caller: Principal) -> str | None:
        if approval.asker is caller:
            return None
        return "approval_not_found" if caller is PROGRAM else "not_the_requester"

    def _refused(self, approval: Modelled, wanted: str) -> str | None:
        is_expired = approval.status in OPEN and self._is_over(approval)
        if approval.status == "expired" or is_expired:
            return "approval_expired"
        return None if approval.status == wanted else "approval_state"

    def _is_over(self, approval: Modelled) -> bool:
        return approval.expires_at <= self.now


def test_approvals_agree_with_their_model(tmp_path_factory: pytest.TempPathFactory):
    ApprovalMachine.template = SqliteScratch(tmp_path_factory.mktemp("approvals"))
    run_state_machine_as_test(
        ApprovalMachine,
        settings=settings(
            max_examples=25,
            stateful_step_count=25,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
