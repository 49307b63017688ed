"""/api/configuration: a document says how everything is to be; applied again it changes nothing."""

from typing import Any

import pytest
from support.answers import granted, refusal
from support.house import Client, RunningHouse
from support.mutations import PROVIDER, RATES
from support.rows import every_row

KEY = "sk-upstream-0123456789abcdef"
DEEP = {"suffix": "-deep", "effort": "max"}
ZERO = {"name": "m", "multiplier": 0}
PRICE = {"provider": "somebody", "model_key": "a-model", "source_url": "https://example.com/prices"}


def channel(name: str = "first", **fields: Any) -> dict[str, Any]:
    return {"name": name, "base_url": "https://api.example.com", **fields}


def provider(name: str = "one", *channels: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"name": name, "type": "responses", "channels": list(channels), **fields}


def price(**fields: Any) -> dict[str, Any]:
    return {**PRICE, "input_usd_per_mtok": "3", "output_usd_per_mtok": "15", **fields}


async def exported(client: Client) -> dict[str, Any]:
    return granted(await client.get("/api/configuration"))


async def compared(client: Client, document: dict[str, Any], **options: Any) -> list[dict[str, Any]]:
    body = {"document": document, **options}
    return granted(await client.post("/api/configuration/preview", json=body))["differences"]


async def applied(client: Client, document: dict[str, Any], **options: Any) -> list[str]:
    """What was changed, in words."""
    body = {"document": document, **options}
    return words(granted(await client.post("/api/configuration", json=body))["differences"])


def words(differences: list[dict[str, Any]]) -> list[str]:
    return [f"{each['outcome']} {each['kind']} {each['name']}" for each in differences]


def changes(difference: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {each["field"]: (each["before"], each["after"]) for each in difference["changes"]}


async def providers(client: Client) -> list[dict[str, Any]]:
    return granted(await client.get("/api/providers"))["items"]


async def names(client: Client) -> list[str]:
    return [each["name"] for each in await providers(client)]


EVERYTHING: dict[str, Any] = {
    "providers": [
        {**PROVIDER, "channels": [{**PROVIDER["channels"][0], "api_key": KEY}, channel("second", api_key=None)]},
        provider("plain"),
        provider("off", channel(), enabled=False, models=["a", {"name": "b", "redirect": "c", "multiplier": 2}]),
    ],
    "redirects": [{"pattern": "gpt-4.*", "replace": "gpt-5"}, {"pattern": "o1", "replace": "o3"}],
    "suffixes": [{"suffix": "-deep", "effort": "max"}],
    "transforms": [{"transform": "reasoning_to_think_xml", "models": ["gpt-*"], "config": {"tag": "think"}}],
    "prices": [
        price(input_usd_per_mtok=3, output_usd_per_mtok="15.25", note="as printed"),
        {**RATES, **PRICE, "kind": "long_context", "variant": "any", "book": "contract"},
    ],
}


async def test_what_is_exported_is_what_was_applied_and_changes_nothing(house_everywhere: RunningHouse):
    root = await house_everywhere.make_root()
    first = await applied(root, EVERYTHING)
    document = (await exported(root))["document"]

    assert [
        "added provider upstream",
        "added channel upstream/first",
        "added channel upstream/second",
        "added provider plain",
        "added provider off",
        "added channel off/first",
        "changed redirects redirects",
        "changed suffixes suffixes",
        "changed transforms transforms",
        "added price somebody/a-model",
        "added price somebody/a-model long_context any contract",
    ] == first
    assert [] == await compared(root, document, prune=True) == await compared(root, EVERYTHING, prune=True)
    assert [] == await applied(root, document, prune=True)
    assert document == (await exported(root))["document"]
    assert ["upstream", "plain", "off"] == await names(root)


async def test_an_export_goes_to_another_house_but_for_the_keys(
    house_everywhere: RunningHouse, house: RunningHouse, root: Client
):
    first = await house_everywhere.make_root()
    await applied(first, EVERYTHING)
    document = (await exported(first))["document"]
    assert KEY not in str(document)

    await applied(root, document)

    assert document == (await exported(root))["document"]
    has_key = [(await providers(client))[0]["channels"][0]["has_api_key"] for client in (first, root)]
    assert [True, False] == has_key


async def test_only_what_is_not_as_usual_is_exported(root: Client):
    await applied(root, {"providers": [provider("plain", channel(), models=["gpt-5"])]})

    described = {"name": "plain", "type": "responses", "models": ["gpt-5"], "channels": [channel()]}
    empty: dict[str, Any] = {"redirects": [], "suffixes": [], "transforms": [], "prices": []}
    assert {"providers": [described], **empty} == (await exported(root))["document"]


async def test_a_difference_says_from_what_to_what(root: Client):
    await applied(root, {"providers": [provider("one", channel(weight=2), models=["a", "b"])], "prices": [price()]})
    moved = channel(base_url="https://api.example.com/v1", api_key=KEY)
    one = provider("one", moved, models=["b", {"name": "c", "multiplier": "1.5"}], timeouts={"idle_ms": 5})
    described, endpoint, dearer = await compared(
        root, {"providers": [one], "prices": [price(input_usd_per_mtok="3.5")]}
    )

    plain = {"redirect": None, "multiplier": "1"}
    assert {
        "models/a": (plain, None),
        "models/c": (None, {"redirect": None, "multiplier": "1.5"}),
        "timeouts/idle_ms": (None, 5),
    } == changes(described)
    assert {
        "base_url": ("https://api.example.com", "https://api.example.com/v1"),
        "weight": (2, 1),
        "api_key": (None, "set"),
    } == changes(endpoint)
    assert {"input_usd_per_mtok": ("3", "3.5")} == changes(dearer)
    assert KEY not in str((described, endpoint, dearer))


async def test_what_a_document_does_not_name_stays_unless_it_is_pruned(root: Client):
    await applied(root, {"providers": [provider("one", channel(), channel("second")), provider("two")]})
    await applied(root, {"prices": [price()]})
    document = {"providers": [provider("one", channel())]}

    assert [] == await compared(root, {}, prune=True) == await compared(root, document)
    gone = ["removed channel one/second", "removed provider two"]
    assert gone == words(await compared(root, document, prune=True)) == await applied(root, document, prune=True)
    assert ["one"] == await names(root)
    assert ["removed price somebody/a-model"] == await applied(root, {"prices": []}, prune=True)
    assert [] == await applied(root, {"prices": []}, prune=True)
    (price_set,) = granted(await root.get("/api/prices/history?provider=somebody&model_key=a-model"))["items"]
    assert price_set["effective_to"] is not None


async def test_a_name_that_is_pruned_is_free_in_the_same_moment(root: Client):
    await applied(root, {"providers": [provider("one", channel("a")), provider("two")]})

    await applied(root, {"providers": [provider("three"), provider("one", channel("b"))]}, prune=True)

    assert ["three", "one"] == await names(root)
    assert ["b"] == [each["name"] for each in (await providers(root))[1]["channels"]]


async def test_providers_are_tried_in_the_order_of_the_document_and_the_others_where_they_were(root: Client):
    await applied(root, {"providers": [provider(name) for name in ("a", "b", "c", "d")]})

    assert [] == await applied(root, {"providers": [provider(name) for name in ("a", "b")]})
    document = {"providers": [provider(name) for name in ("d", "new", "b")]}
    _, order = await compared(root, document)
    assert (["a", "b", "c", "d"], ["a", "d", "c", "b"]) == changes(order)["providers"]
    assert ["added provider new", "changed order providers"] == await applied(root, document)
    assert ["a", "d", "new", "c", "b"] == await names(root)


async def test_lists_for_all_requests_are_whole(root: Client):
    await applied(root, EVERYTHING)
    turned = {"redirects": EVERYTHING["redirects"][::-1]}

    (difference,) = await compared(root, turned)
    assert {"rules": (["gpt-4.* = gpt-5", "o1 = o3"], ["o1 = o3", "gpt-4.* = gpt-5"])} == changes(difference)
    assert ["changed redirects redirects"] == await applied(root, turned)
    assert turned["redirects"] == granted(await root.get("/api/redirects"))["items"]
    (difference,) = await compared(root, {"suffixes": []})
    assert {"-deep": ("max", None)} == changes(difference)


async def test_a_key_is_kept_set_replaced_and_taken_away(root: Client):
    def document(**fields: Any) -> dict[str, Any]:
        return {"providers": [provider("one", channel(**fields))]}

    async def key_changes(**fields: Any) -> list[Any]:
        found = await compared(root, document(**fields))
        await applied(root, document(**fields))
        return [changes(each)["api_key"] for each in found if each["kind"] == "channel"]

    assert [(None, "set")] == await key_changes(api_key=KEY)
    assert [] == await key_changes(api_key=KEY) == await key_changes()
    assert [("set", "replaced")] == await key_changes(api_key="another-upstream-key-wxyz")
    assert "wxyz" == (await providers(root))[0]["channels"][0]["api_key_hint"]
    assert [("set", None)] == await key_changes(api_key=None)
    assert [] == await key_changes(api_key=None)


async def test_a_stored_key_goes_nowhere_else(root: Client):
    await applied(root, {"providers": [provider("one", channel(api_key=KEY))]})
    elsewhere = provider("one", channel(base_url="https://elsewhere.example.com"))
    answer = await root.post("/api/configuration", json={"document": {"providers": [elsewhere]}})

    assert (422, "invalid_configuration") == refusal(answer)
    assert ["/body/document/providers/0"] == [each["pointer"] for each in answer.json()["errors"]]
    elsewhere["channels"][0]["api_key"] = KEY
    assert ["changed channel one/first"] == await applied(root, {"providers": [elsewhere]})


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ({"providers": [provider("a"), provider("a")]}, "/body/document/providers/1/name"),
        ({"providers": [provider("a"), provider("b", channel(), channel())]}, "/body/document/providers/1"),
        ({"providers": [provider("a", models=["m", "m"])]}, "/body/document/providers/0"),
        ({"providers": [provider("a", id="x")]}, "/body/document/providers/0/id"),
        ({"providers": [provider("a", type="grok")]}, "/body/document/providers/0/type"),
        ({"providers": [provider("a", channel(base_url="x"))]}, "/body/document/providers/0/channels/0/base_url"),
        ({"providers": [provider("a", models=[ZERO])]}, "/body/document/providers/0/models/0/multiplier"),
        ({"prices": [price(), price()]}, "/body/document/prices/1"),
        ({"prices": [PRICE]}, "/body/document/prices/0"),
        ({"prices": [price(input_usd_per_mtok="0.00003")]}, "/body/document/prices/0/input_usd_per_mtok"),
        ({"prices": [price(input_usd_per_mtok=3.5)]}, "/body/document/prices/0/input_usd_per_mtok"),
        ({"redirects": [{"pattern": "(", "replace": "a"}]}, "/body/document/redirects/0/pattern"),
        ({"suffixes": [DEEP, DEEP]}, "/body/document/suffixes"),
        ({"transforms": [{"transform": "nobody"}]}, "/body/document/transforms/0"),
        ({"users": []}, "/body/document/users"),
    ],
)  # fmt: skip
async def test_one_wrong_member_is_pointed_at_and_nothing_is_applied(
    house: RunningHouse, root: Client, document: dict[str, Any], pointer: str
):
    before = await every_row(house.house.database)
    for path in ("/api/configuration/preview", "/api/configuration"):
        answer = await root.post(path, json={"document": {"providers": [provider("fine")], **document}})

        assert refusal(answer) in ((422, "invalid_configuration"), (422, "invalid_request"))
        assert [pointer] == [each["pointer"] for each in answer.json()["errors"]]
    assert before == await every_row(house.house.database)


async def test_what_somebody_else_changed_meanwhile_is_noticed(house_everywhere: RunningHouse):
    root = await house_everywhere.make_root()
    await applied(root, EVERYTHING)
    version = (await exported(root))["version"]
    document = {"providers": [provider("plain", models=["new"])]}
    granted(await root.post("/api/prices", json=price(model_key="other")))
    before_last = {"document": document, "version": version}

    told = granted(await root.post("/api/configuration", json=before_last))
    assert ["changed provider plain"] == words(told["differences"])
    assert (409, "configuration_changed") == refusal(await root.post("/api/configuration", json=before_last))
    prices = {"document": {"prices": []}, "version": version}
    assert (409, "configuration_changed") == refusal(await root.post("/api/configuration", json=prices))
    again = {"document": document, "version": told["version"]}
    assert [] == granted(await root.post("/api/configuration", json=again))["differences"]


async def test_a_steep_price_waits_and_is_proposed_once(root: Client):
    granted(await root.post("/api/prices", json=price(effective_from="2026-01-01T00:00:00Z")))
    document = {"prices": [price(input_usd_per_mtok="30")]}

    assert ["waiting price somebody/a-model"] == await applied(root, document)
    (proposed,) = granted(await root.get("/api/prices/pending"))["items"]
    assert ["waiting price somebody/a-model"] == await applied(root, document)
    assert [proposed] == granted(await root.get("/api/prices/pending"))["items"]
    granted(await root.post(f"/api/prices/pending/{proposed['id']}/confirm"))
    assert [] == await compared(root, document)


async def test_a_price_of_a_list_is_taken_into_the_hand(root: Client):
    granted(await root.post("/api/prices/seed"))
    listed = granted(await root.get("/api/prices?provider=anthropic"))["items"][0]
    names = ("provider", "model_key", "kind", "source_url", "input_usd_per_mtok", "output_usd_per_mtok")
    told = {name: listed[name] for name in (*names, "cache_read_usd_per_mtok", "threshold_tokens", "note")}
    taken = {name: each for name, each in told.items() if each is not None}
    (difference,) = await compared(root, {"prices": [taken]})

    assert ("seed", "manual") == changes(difference)["origin"]
    assert [] == (await exported(root))["document"]["prices"]


async def test_only_whoever_may_configures(house: RunningHouse, root: Client, user: Client):
    await applied(root, EVERYTHING)
    reader = await house.make_token(root, "reader", role="admin", scopes=["configuration.read"])

    for client in (user, await house.make_token(root, "x", role="admin", scopes=["providers.write"])):
        assert (403, "not_permitted") == refusal(await client.get("/api/configuration"))
    assert [] == await compared(reader, EVERYTHING, prune=True)
    answer = await reader.post("/api/configuration", json={"document": {}})
    assert (403, "not_permitted") == refusal(answer)


async def test_the_audit_log_tells_where_which_key_goes_and_no_key(root: Client):
    await applied(root, {"providers": [provider("one", channel(api_key=KEY))]})
    (row,) = [
        each for each in granted(await root.get("/api/audit"))["items"] if each["action"] == "configuration.apply"
    ]

    assert KEY not in str(row)
    assert {"one/first": "https://api.example.com"} == row["details"]["addresses"]
    assert ["one/first"] == row["details"]["keys_set"]
    assert ["added provider one", "added channel one/first"] == row["details"]["differences"]
