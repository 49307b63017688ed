"""What names of models mean: redirects and suffixes of the house, on three engines, from the API to the gateway."""

from typing import Any

import pytest
from sqlalchemy import insert
from support.answers import granted, refusal
from support.house import Client, RunningHouse
from support.rows import every_row

from monoize.contract.snapshot import Redirect
from monoize.control.bridge.snapshots import Snapshots
from monoize.control.catalog.tables import model_redirects

RULES = [{"pattern": "gpt-4.*", "replace": "gpt-5"}, {"pattern": "a|b", "replace": "c"}]
SUFFIXES = [{"suffix": "-deep", "effort": "max"}, {"suffix": "@quick", "effort": "none"}]


async def test_what_was_said_last_is_in_force_in_its_order(house_everywhere: RunningHouse):
    root = await house_everywhere.make_root()
    snapshots = Snapshots(house_everywhere.house.database, house_everywhere.house.seal)
    assert [] == granted(await root.get("/api/redirects"))["items"]
    assert RULES == granted(await root.put("/api/redirects", json={"redirects": RULES}))["items"]
    assert SUFFIXES == granted(await root.put("/api/suffixes", json={"suffixes": SUFFIXES[::-1]}))["items"]
    await snapshots.run()
    assert [Redirect("gpt-4.*", "gpt-5"), Redirect("a|b", "c")] == list(snapshots.current.redirects)
    assert {"-deep": "max", "@quick": "none"} == snapshots.current.suffixes

    assert RULES[::-1] == granted(await root.put("/api/redirects", json={"redirects": RULES[::-1]}))["items"]
    assert [] == granted(await root.put("/api/suffixes", json={"suffixes": []}))["items"]
    # What tells other processes has grown.
    await snapshots.run()
    assert ["a|b", "gpt-4.*"] == [rule.pattern for rule in snapshots.current.redirects]
    assert {} == snapshots.current.suffixes
    assert RULES[::-1] == granted(await root.get("/api/redirects"))["items"]


async def test_a_rule_that_a_hand_has_broken_is_left_out(house_everywhere: RunningHouse):
    async with house_everywhere.house.database.write() as tx:
        for place, pattern in enumerate(("(a*)*", "b", "("), start=1):
            await tx.execute(insert(model_redirects).values(place=place, pattern=pattern, model="m"))
    snapshots = Snapshots(house_everywhere.house.database, house_everywhere.house.seal)
    await snapshots.run()

    assert [Redirect("b", "m")] == list(snapshots.current.redirects)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/redirects", {"redirects": [{"pattern": "(a*)*", "replace": "m"}]}),
        ("/api/redirects", {"redirects": [{"pattern": "(", "replace": "m"}]}),
        ("/api/redirects", {"redirects": [{"pattern": "a" * 129, "replace": "m"}]}),
        ("/api/redirects", {"redirects": [{"pattern": "a", "replace": "two words"}]}),
        ("/api/redirects", {"redirects": [{"pattern": "a", "replace": ""}]}),
        ("/api/redirects", {"redirects": RULES * 101}),
        ("/api/suffixes", {"suffixes": [{"suffix": "-x", "effort": "utmost"}]}),
        ("/api/suffixes", {"suffixes": [{"suffix": "-", "effort": "low"}]}),
        ("/api/suffixes", {"suffixes": [{"suffix": "x", "effort": "low"}]}),
        ("/api/suffixes", {"suffixes": [SUFFIXES[0]] * 2}),
    ],
)
async def test_what_means_nothing_is_refused(house: RunningHouse, root: Client, path: str, body: dict[str, Any]):
    before = await every_row(house.house.database)
    refused = refusal(await root.put(path, json=body))

    assert refused in ((422, "invalid_request"), (422, "suffix_twice"))
    assert before == await every_row(house.house.database)


async def test_a_key_has_redirects_of_its_own_and_no_more_than_32(root: Client):
    created = granted(await root.post("/api/keys", json={"name": "k", "model_redirects": RULES}))["key"]
    assert RULES == created["model_redirects"]
    path = f"/api/keys/{created['id']}"
    assert RULES == granted(await root.patch(path, json={"name": "l"}))["model_redirects"]
    assert RULES[:1] == granted(await root.patch(path, json={"model_redirects": RULES[:1]}))["model_redirects"]
    assert [] == granted(await root.patch(path, json={"model_redirects": []}))["model_redirects"]

    many = [{"pattern": f"m{n}", "replace": "m"} for n in range(33)]
    assert 32 == len(granted(await root.patch(path, json={"model_redirects": many[1:]}))["model_redirects"])
    for wrong in (many, [{"pattern": "(a+)+", "replace": "m"}], [{"pattern": "a"}], None):
        assert 422 == refusal(await root.patch(path, json={"model_redirects": wrong}))[0]
