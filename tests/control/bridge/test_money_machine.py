"""Holds, charges, releases, expiries, top-ups, adjustments, refunds and crashes, in any order, against a model."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from support.engines import SqliteScratch
from support.money_machine import MoneyMachine


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[SqliteScratch]:
    opened = SqliteScratch(tmp_path)
    yield opened
    opened.drop()


def test_money_is_what_the_model_says(scratch: SqliteScratch):
    MoneyMachine.template = scratch
    run_state_machine_as_test(
        MoneyMachine, settings=settings(max_examples=8, stateful_step_count=25, deadline=None)
    )
