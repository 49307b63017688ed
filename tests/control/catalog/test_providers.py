"""Providers on three engines: what was described is what is stored, and a key goes where it was meant to go."""

import asyncio
import dataclasses
import json

import pytest
from control.catalog.bench import Bench
from control.catalog.upstreams import CREDENTIAL, Upstreams, channel, models, provider
from sqlalchemy import update

from monoize.base.ids import new_id
from monoize.control.catalog.errors import (
    CredentialNeeded,
    InvalidProvider,
    NoSuchChannel,
    NoSuchUpstream,
    OrderIncomplete,
    ProviderExists,
    TooManyProviders,
)
from monoize.control.catalog.model import providers as rules
from monoize.control.catalog.model.providers import (
    BreakerOverrides,
    ChannelSettings,
    ModelEntry,
    ProviderSettings,
    TimeoutOverrides,
    TypeOverride,
    credential_place,
)
from monoize.control.catalog.tables import (
    monoize_channel_models,
    monoize_channels,
    monoize_provider_models,
    monoize_providers,
)
from monoize.infra.audit_log import logs
from monoize.infra.bulk import insert_many
from monoize.infra.sealed import Seal, SealBroken

EVERY_TABLE = (monoize_providers, monoize_provider_models, monoize_channels, monoize_channel_models)
FULL = provider(
    "full",
    channel(
        "a",
        type="messages",
        weight=7,
        enabled=False,
        price_provider="somebody",
        breaker=BreakerOverrides(1, 2, 3, 4),
        models=(ModelEntry("b", "c", 1), ModelEntry("d")),
    ),
    channel("b", credential=None),
    type="gemini",
    enabled=False,
    groups=("team-a", "team-b"),
    max_retries=0,
    channel_max_retries=2,
    channel_retry_interval_ms=250,
    circuit_breaker_enabled=False,
    per_model_circuit_break=True,
    type_overrides=(TypeOverride("z*", "messages"), TypeOverride("a*", "responses")),
    price_provider="another",
    timeouts=TimeoutOverrides(1, 2, 3, 4),
    models=(ModelEntry("gpt-5", None, 1_500_000_000), ModelEntry("mini", "gpt-5-mini", 10**18 - 1)),
)


def settings(of: ProviderSettings | ChannelSettings, kind: type) -> dict[str, object]:
    return {field.name: getattr(of, field.name) for field in dataclasses.fields(kind)}


async def test_a_provider_is_as_it_was_described(upstreams: Upstreams):
    made = await upstreams.write(FULL)
    record = (await upstreams.get(made)).record

    assert settings(FULL, ProviderSettings) == settings(record, ProviderSettings)
    assert [settings(each, ChannelSettings) for each in FULL.channels] == [
        settings(each, ChannelSettings) for each in record.channels
    ]
    assert ["cdef", None] == [(await upstreams.get(made)).hints[each.id] for each in record.channels]


async def test_a_credential_is_sealed_for_its_channel_alone(upstreams: Upstreams):
    made = await upstreams.create("upstream", channel("a"), channel("b"))
    a, b = made.record.channels
    stored = {row.id: row.api_key for row in await upstreams.rows(monoize_channels)}

    assert CREDENTIAL not in str(stored) and CREDENTIAL not in repr(made)
    assert CREDENTIAL == upstreams.seal.open(stored[a.id], *credential_place(a.id))
    with pytest.raises(SealBroken):
        upstreams.seal.open(stored[a.id], *credential_place(b.id))


async def test_a_short_credential_gives_no_hint(upstreams: Upstreams):
    made = await upstreams.create("upstream", channel("a", credential="0123456789abcde"), channel("b"))

    assert {None, "cdef"} == set(made.hints.values())


async def test_what_is_not_named_stays_and_a_list_takes_the_place_of_a_list(upstreams: Upstreams):
    made = await upstreams.create("upstream", channel("a", models=models("x")), models=models("gpt-5", "gpt-4"))
    renamed = await upstreams.update(made, name="renamed")
    fewer = await upstreams.update(made, models=models("gpt-5", multiplier=2))

    assert dataclasses.replace(made.record, name="renamed", updated_at=renamed.record.updated_at) == renamed.record
    assert (ModelEntry("gpt-5", None, 2),) == fewer.record.models
    assert made.record.channels == fewer.record.channels
    assert 1 == len(await upstreams.rows(monoize_provider_models))
    assert () == (await upstreams.update(made, models=())).record.models


async def test_channels_are_replaced_whole_and_those_with_an_id_stay_themselves(upstreams: Upstreams):
    made = await upstreams.create("upstream", channel("a", models=models("x")), channel("b"))
    a, b = made.record.channels
    again = await upstreams.update(made, channels=(a.draft(), channel("c", credential=None)))

    assert (a.id, "a", a.sealed_credential) == (
        again.record.channels[0].id,
        again.record.channels[0].name,
        again.record.channels[0].sealed_credential,
    )
    assert {"a", "c"} == {row.name for row in await upstreams.rows(monoize_channels)}
    with pytest.raises(NoSuchChannel):
        await upstreams.update(made, channels=(b.draft(),))


async def test_an_id_of_another_provider_or_of_nobody_is_no_channel(upstreams: Upstreams):
    one, other = await upstreams.create("one"), await upstreams.create("other")
    foreign = other.record.channels[0]

    for wrong in (foreign.id, "01a1fc11-0000-7000-8000-000000000000"):
        with pytest.raises(NoSuchChannel):
            await upstreams.update(one, channels=(channel("x", id=wrong),))
        with pytest.raises(NoSuchChannel):
            await upstreams.create("third", channel("x", id=wrong))
    assert other.record == (await upstreams.get(other)).record


async def test_a_key_stays_is_replaced_or_is_taken_away(upstreams: Upstreams):
    made = await upstreams.create()
    sealed = made.record.channels[0].sealed_credential

    kept = await upstreams.update_channel(made, weight=5, base_url="https://api.example.com/other/v1")
    assert sealed == kept.record.channels[0].sealed_credential
    new = await upstreams.update_channel(made, credential="another-key-0123456789")
    assert "6789" == new.hints[new.record.channels[0].id]
    gone = await upstreams.update_channel(made, credential=None)
    assert "" == gone.record.channels[0].sealed_credential


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example.com/v1", "http://api.example.com/v1", "https://api.example.com:8443/v1"]
)
async def test_a_stored_key_is_not_sent_to_another_host_scheme_or_port(upstreams: Upstreams, elsewhere: str):
    made = await upstreams.create()
    stored = made.record.channels[0]
    with pytest.raises(CredentialNeeded):
        await upstreams.update_channel(made, base_url=elsewhere)
    with pytest.raises(CredentialNeeded):
        await upstreams.update(made, channels=(dataclasses.replace(stored.draft(), base_url=elsewhere),))
    assert stored == (await upstreams.get(made)).record.channels[0]

    moved = await upstreams.update_channel(made, base_url=elsewhere, credential="another-key-0123456789")
    assert (elsewhere, "6789") == (moved.record.channels[0].base_url, moved.hints[stored.id])


async def test_a_channel_without_a_key_moves_freely(upstreams: Upstreams):
    made = await upstreams.create("upstream", channel(credential=None))

    moved = await upstreams.update_channel(made, base_url="https://elsewhere.example.com")
    assert "https://elsewhere.example.com" == moved.record.channels[0].base_url


async def test_channels_come_and_go_one_by_one(upstreams: Upstreams):
    made = await upstreams.create()
    two = await upstreams.add_channel(made, "second", models=models("x"))
    assert ["first", "second"] == [each.name for each in two.record.channels]
    with pytest.raises(InvalidProvider):
        await upstreams.add_channel(made, "second")

    await upstreams.delete_channel(two, 0)
    left = await upstreams.get(made)
    assert [two.record.channels[1]] == list(left.record.channels)
    with pytest.raises(NoSuchChannel):
        await upstreams.delete_channel(two, 0)
    with pytest.raises(NoSuchChannel):
        await upstreams.update_channel(two, 0, weight=1)


async def test_names_are_told_apart(upstreams: Upstreams):
    made = await upstreams.create("one")
    await upstreams.create("other")

    for name in ("one", "other"):
        with pytest.raises(ProviderExists):
            await upstreams.create(name)
    with pytest.raises(ProviderExists):
        await upstreams.update(made, name="other")
    for twice in (
        {"models": models("a", "a")},
        {"channels": (channel("a"), channel("a"))},
        {"channels": (channel("a", models=models("b", "b")),)},
        {
            "channels": (
                made.record.channels[0].draft(),
                dataclasses.replace(made.record.channels[0].draft(), name="b"),
            )
        },
    ):
        with pytest.raises(InvalidProvider):
            await upstreams.update(made, **twice)
    assert "one" == (await upstreams.update(made, name="one")).record.name


async def test_there_are_bounds(upstreams: Upstreams):
    with pytest.raises(InvalidProvider):
        await upstreams.create(models=models(*(str(n) for n in range(rules.MODELS_MOST + 1))))
    with pytest.raises(InvalidProvider):
        await upstreams.create("many", *(channel(str(n)) for n in range(rules.CHANNELS_MOST + 1)))
    await upstreams.create("as many as there may be", models=models(*(str(n) for n in range(rules.MODELS_MOST))))

    rows = [{"id": new_id(), "name": str(n), "provider_type": "echo"} for n in range(rules.PROVIDERS_MOST - 1)]
    async with upstreams.database.write() as tx:
        await insert_many(tx, monoize_providers, rows)
    with pytest.raises(TooManyProviders):
        await upstreams.create("one more")


async def test_a_deleted_provider_leaves_nothing_behind(upstreams: Upstreams):
    made = await upstreams.create("upstream", channel("a", models=models("x")))
    await upstreams.delete(made)

    assert [[], [], [], []] == [list(await upstreams.rows(table)) for table in EVERY_TABLE]
    for refused in (upstreams.delete(made), upstreams.get(made), upstreams.update(made, enabled=False)):
        with pytest.raises(NoSuchUpstream):
            await refused


async def test_new_ones_are_tried_last_and_an_order_names_all_of_them(upstreams: Upstreams):
    a, b, c = [await upstreams.create(name) for name in "abc"]
    assert ["a", "b", "c"] == await upstreams.names()
    await upstreams.order(c, a, b)
    assert ["c", "a", "b"] == await upstreams.names()
    await upstreams.create("d")
    assert ["c", "a", "b", "d"] == await upstreams.names()

    for wrong in ((a, b, c), (a, b, c, c), ()):
        with pytest.raises(OrderIncomplete):
            await upstreams.order(*wrong)
    await upstreams.delete(a)
    assert ["c", "b", "d"] == await upstreams.names()


async def test_pages_follow_the_order_also_where_a_hand_gave_equal_priorities(upstreams: Upstreams):
    for name in "abcde":
        await upstreams.create(name)
    async with upstreams.database.write() as tx:
        await tx.execute(
            update(monoize_providers).where(monoize_providers.c.name.in_(list("abc"))).values(priority=-3)
        )
    everything = (await upstreams.page()).items
    assert {"a", "b", "c"} == {view.record.name for view in everything[:3]}

    seen, after = [], None
    for _ in everything:
        page = await upstreams.page(1, after)
        seen += page.items
        after = f"{seen[-1].record.priority} {seen[-1].record.id}"
    assert list(everything) == seen
    assert page.next_cursor is None


async def test_the_generation_grows_with_every_change_and_with_nothing_else(upstreams: Upstreams):
    before = await upstreams.generation()
    a = await upstreams.create("a")
    b = await upstreams.create("b")
    await upstreams.update(a, models=models("x"))
    two = await upstreams.add_channel(a, "second")
    await upstreams.update_channel(two, 1, weight=0)
    await upstreams.order(b, a)
    await upstreams.delete_channel(two, 1)
    await upstreams.delete(b)
    assert before + 8 == await upstreams.generation()

    with pytest.raises(InvalidProvider):
        await upstreams.update(a, models=models("x", "x"))
    await upstreams.page()
    assert before + 8 == await upstreams.generation()


async def test_whoever_writes_at_once_waits_and_nothing_is_lost(upstreams: Upstreams):
    made = await upstreams.create()
    results = await asyncio.gather(
        *(upstreams.add_channel(made, f"channel {n}") for n in range(6)),
        *(upstreams.create(f"provider {n % 3}") for n in range(6)),
        return_exceptions=True,
    )

    assert 7 == len((await upstreams.get(made)).record.channels)
    assert 4 == len(set(await upstreams.names())) == len(await upstreams.names())
    assert 3 == sum(isinstance(result, ProviderExists) for result in results)
    priorities = [row.priority for row in await upstreams.rows(monoize_providers)]
    assert len(set(priorities)) == len(priorities)


async def test_the_audit_log_tells_where_keys_go_and_holds_none(upstreams: Upstreams):
    made = await upstreams.create()
    first = made.record.channels[0].id
    await upstreams.update(made, enabled=False, channels=(channel("other", base_url="https://b.example.com"),))
    await upstreams.update_channel(await upstreams.get(made), weight=2)

    rows = await upstreams.rows(logs)
    created, updated, weighed = [json.loads(row.details) for row in rows]
    (second,) = updated["channels_added"]
    assert ["provider.create", "provider.update", "channel.update"] == [row.action for row in rows]
    assert ({first: "https://api.example.com/v1"}, [first]) == (created["addresses"], created["keys_set"])
    assert (["enabled"], [first], {second: "https://b.example.com"}, [second]) == tuple(
        updated[name] for name in ("changed", "channels_removed", "addresses", "keys_set")
    )
    assert (["weight"], False) == (weighed["changed"], weighed["key_set"])
    assert CREDENTIAL not in str(rows) and "cdef" not in str([created, updated, weighed])


async def test_models_without_a_price_are_named(bench: Bench, upstreams: Upstreams):
    for book, key in (("openai", "gpt-5"), ("openai", "gpt-5-mini-2025"), ("anthropic", "claude")):
        await bench.set("1", "2", provider=book, model_key=key)
    await bench.set("1", "2", provider="openai", model_key="gpt-6", effective_from=4_000_000_000)
    entries = (
        ModelEntry("gpt-5"),
        ModelEntry("mini", "gpt-5-mini-2025"),
        ModelEntry("gpt-6"),
        ModelEntry("unheard-of"),
    )

    made = await upstreams.create("upstream", channel("a"), models=entries)
    assert ["gpt-6", "unheard-of"] == made.unpriced_models
    mixed = await upstreams.add_channel(made, "b", type="messages", models=models("claude"))
    assert ["gpt-5", "gpt-6", "mini", "unheard-of"] == mixed.unpriced_models
    elsewhere = await upstreams.update(
        made, channels=(), price_provider="anthropic", models=models("claude", "gpt-5")
    )
    assert ["gpt-5"] == elsewhere.unpriced_models
    known_as_asked = await upstreams.update(
        made, models=(ModelEntry("claude", "claude-20261101"), ModelEntry("x", "y"))
    )
    assert ["x"] == known_as_asked.unpriced_models
    echoes = await upstreams.update(made, type_overrides=(TypeOverride("x*", "echo"),))
    assert [] == echoes.unpriced_models
    await upstreams.update(made, models=models("gpt-5"))
    listed = {view.record.name: view.unpriced_models for view in (await upstreams.page()).items}
    assert {"upstream": ["gpt-5"]} == listed


async def test_another_master_key_shows_that_there_is_a_key_and_no_hint(upstreams: Upstreams):
    made = await upstreams.create()
    upstreams.seal = Seal(b"x" * 32)
    shown = await upstreams.get(made)

    assert (True, {made.record.channels[0].id: None}) == (
        bool(shown.record.channels[0].sealed_credential),
        shown.hints,
    )
