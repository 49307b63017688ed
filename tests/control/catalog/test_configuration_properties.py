"""Whatever a document says: once applied it changes nothing more, and neither does what is exported then."""

from typing import Any, Final, get_args

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.answers import granted
from support.house import Client

from monoize.base.cost.price import Kind
from monoize.base.ids import new_id
from monoize.contract.snapshot import ChannelType
from monoize.control.catalog.model.configured_providers import in_order

NAMES: Final = st.text("abcdefghé -", min_size=1, max_size=4).map(str.strip).filter(bool)
TYPES: Final = st.sampled_from(get_args(ChannelType))
DECIMALS: Final = st.sampled_from(["1", "1.5", "0.000000001", "999999999"]) | st.integers(1, 9)
MODEL_NAMES: Final = st.sampled_from(["gpt-5", "a/b", "c:d", "e.f"])


def some(names: st.SearchStrategy[str], **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"name": names}, optional=fields)


def several(entries: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[list[dict[str, Any]]]:
    return st.lists(entries, max_size=3, unique_by=lambda entry: entry["name"])


def letters(some: str) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(some), unique=True)


MODELS: Final = several(some(MODEL_NAMES, redirect=MODEL_NAMES | st.none(), multiplier=DECIMALS))
CHANNELS: Final = several(
    some(
        NAMES,
        type=TYPES | st.none(),
        api_key=st.sampled_from(["a-key-of-somebody", "k"]) | st.none(),
        weight=st.integers(0, 9),
        enabled=st.booleans(),
        price_provider=st.just("somebody") | st.none(),
        breaker=st.fixed_dictionaries({}, optional={"failures": st.integers(1, 9), "window_s": st.integers(1, 9)}),
        models=MODELS,
    ).map(lambda channel: {"base_url": "HTTPS://API.example.com:443/v1/", **channel})
)
PROVIDERS: Final = several(
    some(
        NAMES,
        enabled=st.booleans(),
        groups=st.lists(st.sampled_from(["EU", "us"]), unique=True),
        max_retries=st.integers(0, 5) | st.none(),
        circuit_breaker_enabled=st.booleans(),
        timeouts=st.fixed_dictionaries({}, optional={"idle_ms": st.integers(1, 9)}),
        type_overrides=st.lists(st.fixed_dictionaries({"pattern": st.just("gpt-*"), "type": TYPES}), max_size=2),
        models=MODELS,
        channels=CHANNELS,
    ).flatmap(lambda provider: TYPES.map(lambda spoken: {"type": spoken, **provider}))
)
PRICES: Final = st.lists(
    st.fixed_dictionaries(
        {
            "provider": st.just("somebody"),
            "model_key": MODEL_NAMES,
            "kind": st.sampled_from([kind for kind in get_args(Kind) if "long" not in kind]),
            "input_usd_per_mtok": st.sampled_from(["0", "1.25", "3", 3]),
            "source_url": st.just("https://example.com/prices"),
        },
        optional={"note": st.just("as printed"), "geo_multiplier": st.sampled_from(["1", "1.1", 1])},
    ),
    max_size=3,
    unique_by=lambda price: (price["model_key"], price["kind"]),
)
DOCUMENTS: Final = st.fixed_dictionaries({"providers": PROVIDERS})
WITH_PRICES: Final = st.fixed_dictionaries({"providers": PROVIDERS, "prices": PRICES})
FEW: Final = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)


async def put(root: Client, document: dict[str, Any], *, prune: bool) -> None:
    granted(await root.post("/api/configuration", json={"document": document, "prune": prune}))


async def settle(root: Client, document: dict[str, Any], *, prune: bool) -> None:
    await put(root, document, prune=prune)
    exported = granted(await root.get("/api/configuration"))["document"]
    for wanted in (document, exported):
        body = {"document": wanted, "prune": prune and wanted is document}
        assert [] == granted(await root.post("/api/configuration/preview", json=body))["differences"]


@FEW
@given(document=DOCUMENTS, prune=st.booleans())
async def test_applying_a_document_and_then_its_export_changes_nothing(
    root: Client, document: dict[str, Any], prune: bool
):
    await settle(root, document, prune=prune)


@FEW
@given(document=WITH_PRICES)
async def test_prices_that_are_applied_are_exported_as_they_are(root: Client, document: dict[str, Any]):
    # Of nobody who had prices before: a steep change would wait.
    fresh = [{**price, "provider": new_id().replace("-", "_")} for price in document["prices"]]
    await settle(root, {**document, "prices": fresh}, prune=False)


@given(
    standing=st.lists(st.sampled_from("abcdef"), unique=True),
    wanted=st.lists(st.sampled_from("cdefgh"), unique=True),
)
def test_the_order_is_that_of_the_document_and_moves_nobody_else(standing: list[str], wanted: list[str]):
    order = in_order(standing, wanted)

    assert sorted({*standing, *wanted}) == sorted(order)
    assert wanted == [name for name in order if name in wanted]
    others = [name for name in standing if name not in wanted]
    assert others == [name for name in order if name in others]
    assert order == in_order(order, wanted)
    assert [name not in wanted for name in standing] == [name not in wanted for name in order if name in standing]
