"""What an agent's machine is told of channels, and when again."""

import dataclasses
from typing import Any

import pytest
from control.compute.plans import NOW
from hypothesis import given
from hypothesis import strategies as st

from monoize.control.compute.model.agents import Agent
from monoize.control.compute.model.channels import ChannelCredentials
from monoize.control.compute.model.deliveries import (
    FORMER_KEYS_MOST,
    Delivery,
    former,
    hindrance,
    patch_of,
    pause_after,
    told,
)
from monoize.control.compute.model.machine import Machine

KEYS = st.text("abcd", min_size=1, max_size=2)
CREDENTIALS = st.dictionaries(KEYS, st.text(max_size=2), min_size=1, max_size=4)
SECRETS = st.none() | st.text(max_size=2)


def delivery(kind: Any, *former_keys: str) -> Delivery:
    return Delivery(
        agent_id="a",
        kind=kind,
        revision="r",
        due_at=NOW,
        attempts=0,
        problem=None,
        former_keys=former_keys,
        delivered_at=None,
    )


def test_a_channel_is_told_whole_and_one_that_is_gone_as_null():
    slack, web = ChannelCredentials("slack", {"bot": "1"}, "2"), ChannelCredentials("web", {"a": "b"}, None)

    patch = patch_of([delivery("slack", "app", "bot"), delivery("telegram", "x")], [slack, web])

    assert {"channels": {"slack": {"app": None, "bot": "1", "webhook_secret": "2"}, "telegram": None}} == patch


@given(st.lists(st.tuples(CREDENTIALS, SECRETS) | st.none(), min_size=1, max_size=6), st.data())
def test_whichever_of_the_changes_were_told_the_machine_ends_with_the_last(
    changes: list[tuple[dict[str, str], str | None] | None], data: st.DataObject
):
    """A merge of patches, of which some never arrive and some arrive without our hearing of it."""
    machine: dict[str, str] | None = None
    keys: list[str] = []
    current: ChannelCredentials | None = None
    for change in changes:
        keys = former(keys, told(current) if current else ())
        current = ChannelCredentials("slack", *change) if change else None
        is_last = change is changes[-1]
        if is_last or data.draw(st.booleans()):
            patch = patch_of([delivery("slack", *keys)], [current] if current else [])["channels"]["slack"]
            machine = None if patch is None else {**(machine or {}), **patch}
            machine = machine and {key: value for key, value in machine.items() if value is not None}
            keys = [] if data.draw(st.booleans()) else keys

    assert (dict(told(current)) if current else None) == machine


def test_what_is_remembered_of_former_keys_is_bounded():
    keys: list[str] = []
    for number in range(2 * FORMER_KEYS_MOST):
        keys = former(keys, [f"k{number}"])

    assert (FORMER_KEYS_MOST, f"k{2 * FORMER_KEYS_MOST - 1}") == (len(keys), keys[0])


def test_pauses_grow_to_ten_minutes():
    pauses = [pause_after(attempts).total_seconds() for attempts in range(1, 40)]
    assert pauses[:4] == [5, 10, 20, 40]
    assert pauses == sorted(pauses) and 600 == pauses[-1]


@pytest.mark.parametrize(
    ("enabled", "state", "desired", "is_hindered"),
    [
        (True, "running", "running", False),
        (False, "running", "running", True),
        (True, "running", "stopped", True),
        (True, "stopped", "running", True),
        (True, "provisioning", "running", True),
        (True, None, None, True),
    ],
)
def test_only_an_agent_that_is_let_out_on_a_machine_that_runs_can_be_told(
    enabled: bool, state: Any, desired: Any, is_hindered: bool
):
    agent = Agent(
        id="a",
        user_id="u",
        name="n",
        vps_id="m",
        config_id=None,
        enabled=enabled,
        gateway_key_id=None,
        created_at=NOW,
        updated_at=NOW,
    )
    values: dict[str, Any] = {field.name: None for field in dataclasses.fields(Machine)}
    machine = Machine(**{**values, "state": state, "desired": desired}) if state else None

    assert is_hindered == (hindrance(agent, machine) is not None)


def test_credentials_are_not_printed():
    assert "xoxb" not in repr(ChannelCredentials("slack", {"bot": "xoxb"}, "xoxb"))
