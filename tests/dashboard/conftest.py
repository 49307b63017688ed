"""People at browsers: a stranger, the super_admin, and somebody without any special rights."""

import pytest
from dashboard.surfer import Surfer
from support.house import Client, RunningHouse


@pytest.fixture
def stranger(house: RunningHouse) -> Surfer:
    return Surfer(house.app)


@pytest.fixture
async def boss(house: RunningHouse, root: Client) -> Surfer:
    return await Surfer(house.app, ip="10.0.0.1").sign_in()


@pytest.fixture
async def alice(house: RunningHouse, root: Client) -> Surfer:
    await house.make_user(root, "alice", email="alice@example.com")
    return await Surfer(house.app, ip="10.0.0.2").sign_in("alice")
