"""What the gateway hears on three engines: who can be called and with what, read in a fixed number of queries."""

import asyncio
import re

import structlog
from control.catalog.bench import MODEL, Bench
from control.catalog.upstreams import BASE_URL, CREDENTIAL, Upstreams, channel, models, statements
from sqlalchemy import insert, update
from support.price_book import pico

from monoize.base.clock import utc_now
from monoize.contract.snapshot import (
    MULTIPLIER_ONE,
    Affinity,
    Breaker,
    Channel,
    Offer,
    Probing,
    Provider,
    Timeouts,
    TypeOverride,
)
from monoize.control.catalog.actions import routing
from monoize.control.catalog.model.providers import (
    AffinityOverrides,
    BreakerOverrides,
    ModelEntry,
    ProbeOverrides,
    TimeoutOverrides,
)
from monoize.control.catalog.model.providers import TypeOverride as Overridden
from monoize.control.catalog.tables import (
    ai_models,
    model_metadata_records,
    monoize_channels,
    monoize_provider_models,
)

LEGACY = re.compile(r"\b(providers|model_mappings|group_members)\b")


def selects(seen: list[str]) -> list[str]:
    return [statement for statement in seen if statement.startswith("SELECT")]


async def test_a_provider_is_heard_of_as_it_was_described(upstreams: Upstreams):
    made = await upstreams.create(
        "upstream",
        channel(
            "a",
            weight=3,
            breaker=BreakerOverrides(failures=9, cooldown_s=7),
            probe=ProbeOverrides(interval_s=5),
            affinity=AffinityOverrides(idle_s=60, mode="prefer_higher_priority", failback_s=0),
        ),
        channel("b", type="gemini", credential=None, models=(ModelEntry("gpt-5", "else", 2), ModelEntry("own"))),
        models=(ModelEntry("gpt-5", None, 1_500_000_000), ModelEntry("mini", "gpt-5-mini")),
        groups=("team-a",),
        max_retries=2,
        channel_max_retries=1,
        channel_retry_interval_ms=250,
        per_model_circuit_break=True,
        type_overrides=(Overridden("z*", "messages"), Overridden("a*", "echo")),
        timeouts=TimeoutOverrides(connect_ms=1, total_ms=4),
        probe=ProbeOverrides(interval_s=9, successes=2, model="mini"),
    )
    theirs = {"gpt-5": Offer("gpt-5", 1_500_000_000), "mini": Offer("gpt-5-mini", MULTIPLIER_ONE)}
    a, b = made.record.channels
    (found,) = await upstreams.load()

    assert (
        Provider(
            id=made.record.id,
            name="upstream",
            channels=(
                Channel(
                    id=a.id,
                    name="a",
                    type="responses",
                    base_url=BASE_URL,
                    weight=3,
                    offers=theirs,
                    price_provider="openai",
                    breaker=Breaker(failures=9, window_s=30, cooldown_s=7, rate_limit_cooldown_s=15),
                    probing=Probing(interval_s=5, successes=2, model="mini"),
                    affinity=Affinity(idle_s=60, mode="prefer_higher_priority", failback_s=0),
                    credential=CREDENTIAL,
                ),
                Channel(
                    id=b.id,
                    name="b",
                    type="gemini",
                    base_url=BASE_URL,
                    weight=1,
                    offers={**theirs, "gpt-5": Offer("else", 2), "own": Offer("own", MULTIPLIER_ONE)},
                    price_provider="google",
                    breaker=Breaker(3, 30, 60, 15),
                    probing=Probing(interval_s=9, successes=2, model="mini"),
                    affinity=Affinity(1_800, "sticky", 300),
                ),
            ),
            groups=frozenset({"team-a"}),
            tries_most=3,
            tries_per_channel=2,
            retry_interval_ms=250,
            breaks_per_model=True,
            type_overrides=(TypeOverride("z*", "messages"), TypeOverride("a*", "echo")),
            timeouts=Timeouts(connect_ms=1, total_ms=4),
            revision=found.revision,
        )
        == found
    )
    assert CREDENTIAL not in repr(await upstreams.load())


async def test_unlimited_tries_and_no_breaker(upstreams: Upstreams):
    await upstreams.create(circuit_breaker_enabled=False)
    (found,) = await upstreams.load()

    assert (None, 1, None) == (found.tries_most, found.tries_per_channel, found.channels[0].breaker)
    assert Timeouts() == found.timeouts


async def test_whether_a_channel_is_asked_is_said_by_itself_its_provider_or_the_house(upstreams: Upstreams):
    on, off = ProbeOverrides(enabled=True), ProbeOverrides(enabled=False)
    affine = AffinityOverrides(enabled=False)
    for name, theirs in (("house", ProbeOverrides()), ("on", on), ("off", off)):
        inheriting, yes = channel("a", affinity=affine), channel("b", probe=on)
        await upstreams.create(name, inheriting, yes, channel("c", probe=off), probe=theirs)

    assert {"house": [True, True, False], "on": [True, True, False], "off": [False, True, False]} == {
        found.name: [each.probing is not None for each in found.channels] for found in await upstreams.load()
    }
    assert [False, True, True] == [each.affinity is not None for each in (await upstreams.load())[0].channels]


async def test_a_provider_has_another_revision_after_every_change_of_it_and_no_other(upstreams: Upstreams):
    made, other = (
        await upstreams.create("upstream", channel("a"), models=models("m")),
        await upstreams.create("other"),
    )

    async def revisions() -> tuple[int, int]:
        first, second = sorted(await upstreams.load(), key=lambda found: found.name != "upstream")
        return first.revision, second.revision

    first = await revisions()
    assert first == await revisions()
    seen = {first[0]}
    await upstreams.update(made, max_retries=1)
    seen.add((await revisions())[0])
    await upstreams.update(made, models=models("n"))
    seen.add((await revisions())[0])
    await upstreams.update_channel(made, 0, weight=7)
    seen.add((await revisions())[0])
    await upstreams.update(made, enabled=False)
    await upstreams.update(made, enabled=True)
    seen.add((await revisions())[0])
    assert 5 == len(seen)
    assert first[1] == (await revisions())[1]
    assert other.record.name == "other"


async def test_whose_prices_they_are_is_said_by_the_channel_the_provider_or_the_type(upstreams: Upstreams):
    types = ("responses", "chat_completion", "openai_image", "messages", "gemini", "replicate", "echo")
    inheriting = [channel(type, type=type) for type in types]
    made = await upstreams.create("upstream", *inheriting, channel("own", price_provider="own"), type="messages")

    def whose(found: Provider) -> dict[str, str]:
        return {each.name: each.price_provider for each in found.channels}

    (found,) = await upstreams.load()
    assert {
        **dict.fromkeys(("responses", "chat_completion", "openai_image"), "openai"),
        "messages": "anthropic",
        "gemini": "google",
        "replicate": "replicate",
        "echo": "echo",
        "own": "own",
    } == whose(found)
    await upstreams.update(made, price_provider="theirs")
    (found,) = await upstreams.load()
    assert {**dict.fromkeys(types, "theirs"), "own": "own"} == whose(found)


async def test_who_cannot_be_called_is_not_heard_of(upstreams: Upstreams):
    await upstreams.create("off", enabled=False)
    await upstreams.create("without", channels=())
    await upstreams.create("idle", channel("a", weight=0), channel("b", enabled=False))
    last, first = (
        await upstreams.create("last", channel("a"), channel("b", weight=0)),
        await upstreams.create("first"),
    )
    everybody = [view for view in (await upstreams.page()).items if view.record.name not in ("last", "first")]
    await upstreams.order(first, *everybody, last)

    assert [("first", ["first"]), ("last", ["a"])] == [
        (found.name, [each.name for each in found.channels]) for found in await upstreams.load()
    ]


async def test_a_channel_whose_credential_does_not_open_is_left_out_and_named(upstreams: Upstreams):
    made = await upstreams.create("upstream", channel("a"), channel("b"))
    a, b = made.record.channels
    async with upstreams.database.write() as tx:
        swapped = update(monoize_channels).where(monoize_channels.c.id == a.id)
        await tx.execute(swapped.values(api_key=b.sealed_credential))

    with structlog.testing.capture_logs() as logged:
        (found,) = await upstreams.load()
    assert [b.id] == [each.id for each in found.channels]
    assert [("channel_without_credential", "error", a.id)] == [
        (line["event"], line["log_level"], line["channel_id"]) for line in logged
    ]


async def test_a_model_whose_multiplier_a_hand_has_broken_is_left_out(upstreams: Upstreams):
    await upstreams.create(models=models("a", "b", "c", "d"))
    column = monoize_provider_models.c
    async with upstreams.database.write() as tx:
        for name, multiplier in (("a", "0"), ("b", "1e3"), ("c", "01.50")):
            broken = update(monoize_provider_models).where(column.model_name == name)
            await tx.execute(broken.values(multiplier=multiplier))

    (found,) = await upstreams.load()
    assert {"c": 1_500_000_000, "d": MULTIPLIER_ONE} == {
        name: offer.multiplier for name, offer in found.channels[0].offers.items()
    }


async def test_loading_takes_as_many_queries_for_many_as_for_one_and_names_no_older_table(upstreams: Upstreams):
    await upstreams.create("first", channel("a", models=models("x")))
    with statements() as for_one:
        await upstreams.load()
    for n in range(5):
        channels = [channel(str(c), models=models(*(f"m{c}-{m}" for m in range(9)))) for c in range(4)]
        await upstreams.create(f"provider {n}", *channels, models=models(*(f"p{m}" for m in range(20))))
    with statements() as for_many:
        assert 6 == len(await upstreams.load())

    assert [] == [statement for statement in for_many if LEGACY.search(statement)]
    assert 6 == len(selects(for_one)) == len(selects(for_many))


async def test_the_sql_of_every_verb_names_no_older_table(upstreams: Upstreams):
    with statements() as seen:
        made = await upstreams.create("a", channel("a", models=models("x")))
        await upstreams.update(made, models=models("y"), channels=(channel("b"),))
        two = await upstreams.add_channel(made, "c")
        await upstreams.update_channel(two, 1, models=models("z"), weight=2)
        await upstreams.delete_channel(two, 1)
        await upstreams.order(made)
        await upstreams.load()
        await upstreams.delete(made)

    assert any("monoize_providers" in statement for statement in seen)
    assert [] == [statement for statement in seen if LEGACY.search(statement)]


async def test_what_is_loaded_is_of_one_moment_and_so_is_its_generation(upstreams: Upstreams):
    """Each change says its own number in two tables; whoever loads meanwhile reads the same number in both."""
    made = await upstreams.create("upstream", models=models("m"), max_retries=0)

    async def write() -> None:
        for number in range(1, 21):
            await upstreams.update(made, max_retries=number, models=models("m", multiplier=number))

    async def read() -> None:
        while not writing.done():
            async with upstreams.database.read() as tx:
                (found,) = await routing.load(tx, upstreams.seal)
                generation = await routing.generation(tx)
            assert found.tries_most is not None
            number = found.tries_most - 1
            if number:
                assert number == found.channels[0].offers["m"].multiplier == generation - first

    first = await upstreams.generation()
    writing = asyncio.ensure_future(write())
    await asyncio.gather(writing, read(), read())


async def test_sheets_are_of_now_and_only_of_what_was_asked_for(bench: Bench, upstreams: Upstreams):
    now_s = int(utc_now().timestamp())
    await bench.set("3", effective_from=100)
    await bench.set("2", model_key="old", effective_from=100, effective_to=200)
    await bench.set("4", model_key="coming", effective_from=now_s + 1_000)
    await bench.set("5", provider="another", model_key="old")
    await upstreams.create(
        "upstream",
        price_provider=MODEL.provider,
        models=(ModelEntry("alias", MODEL.model_key), *models("old", "coming")),
    )
    (channel,) = (await upstreams.load())[0].channels
    wanted = {(channel.price_provider, offer.upstream_model) for offer in channel.offers.values()}

    async with bench.database.read() as tx:
        with statements() as seen:
            found = await routing.prices(tx, now_s, wanted)
        assert {} == await routing.prices(tx, now_s, [])
    assert 1 == len(selects(seen))
    assert {("somebody", "a-model"), ("somebody", "coming")} == set(found)
    assert pico("3") == found["somebody", "a-model"].prices[0].input_pico
    assert ("unpriced", now_s + 1_000) == (
        found["somebody", "coming"].book,
        found["somebody", "coming"].changes_at_s,
    )


async def test_how_much_a_model_can_write_is_told_where_somebody_said_it(upstreams: Upstreams):
    rows = [("a", 1_000), ("b", None), ("c", 0)]
    records = [
        ("a", "openai", 1),
        ("b", "openai", 2_000),
        ("c", None, 2**40),
        ("d", "google", 3_000),
        ("e", "openai", 0),
    ]
    async with upstreams.database.write() as tx:
        for key, most in rows:
            model = {
                "id": key,
                "provider": "openai",
                "model_key": key,
                "display_name": key,
                "output_max_tokens": most,
            }
            await tx.execute(insert(ai_models).values(**model))
        for key, owner, most in records:
            record = {"model_id": key, "models_dev_provider": owner, "max_output_tokens": most, "source": "manual"}
            await tx.execute(insert(model_metadata_records).values(**record))

        found = await routing.output_most(tx, [("openai", key) for key in "abcdef"])
        assert {} == await routing.output_most(tx, [])
    assert {("openai", "a"): 1_000, ("openai", "b"): 2_000, ("openai", "c"): 2**40} == found


async def test_what_a_model_can_do_is_what_the_catalogue_says(upstreams: Upstreams):
    async with upstreams.database.write() as tx:
        for key, tools, vision in (("a", 1, 1), ("b", 0, 0)):
            model = {"id": key, "provider": "openai", "model_key": key, "display_name": key}
            await tx.execute(insert(ai_models).values(**model, supports_tools=tools, supports_vision=vision))

        found = await routing.capabilities(tx, [("openai", "a"), ("openai", "b"), ("openai", "c"), ("google", "a")])
        assert {} == await routing.capabilities(tx, [])
    assert {("openai", "a"): frozenset({"tools", "vision"}), ("openai", "b"): frozenset()} == found


async def test_nothing_is_loaded_from_nothing(upstreams: Upstreams):
    assert [] == await upstreams.load()
    assert 0 == await upstreams.generation()
