"""People of different standing in one house."""

import pytest
from support.house import Client, RunningHouse


@pytest.fixture
async def admin(house: RunningHouse, root: Client) -> Client:
    return await house.make_user(root, "admin", role="admin")


@pytest.fixture
async def user(house: RunningHouse, root: Client) -> Client:
    return await house.make_user(root, "alice", email="alice@example.com")
