"""What governs a key crosses the wall as it was."""

import msgspec
import pytest
from control.governance.policy_documents import documents
from hypothesis import given
from hypothesis import strategies as st
from support.governed import governed, limited

from monoize.contract.grant import Grant
from monoize.contract.policies.catalogue import NAMES, Policies, read
from monoize.contract.snapshot import Snapshot
from monoize.contract.stops import Stops
from monoize.contract.wall import GrantTold, Told, grant_heard, grant_told, heard, told


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_every_policy_crosses_the_wall_as_it_was(name, data):
    policies = Policies(**{name: read(name, data.draw(documents(name)))})
    found = governed(policies={"rate_limits_json": {"burst": 3}}, shadow=("rate_limits_json",))
    policy = msgspec.structs.replace(found.policy, policies=policies)
    found = msgspec.structs.replace(found, policy=policy, limits=limited(allowed_tools=("a",)))
    grant = Grant(key_id="k", user_id="u", tenant_id="t", username="n", governed=found)

    carried = msgspec.msgpack.decode(msgspec.msgpack.encode(grant_told(grant)), type=GrantTold)

    assert grant == grant_heard(carried)


def test_stops_cross_the_wall_with_the_snapshot():
    snapshot = Snapshot(generation=1, stopped=Stops("incident", {"t": "unpaid"}, {"a": "loops"}))

    carried = msgspec.msgpack.decode(msgspec.msgpack.encode(told("e", snapshot, str)), type=Told)

    assert snapshot.stopped == heard(carried, 1, str).stopped
