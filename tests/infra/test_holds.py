"""One contract for holds, whoever keeps them; and what is particular to memory and to Redis."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
import redis
from redis.crc import key_slot
from support import at_once, redis_server
from support.engines import REDIS
from support.patience import PATIENCE_S

from monoize.infra.holds import (
    AMOUNT_MOST_NANO,
    BALANCE_MOST_NANO,
    CLAIMS_MOST,
    LIFETIME_MOST_S,
    POSTED_MOST,
    SNAPSHOT_MOST,
    AlreadyEnded,
    BudgetState,
    Claim,
    Holds,
    HoldsFull,
    HoldState,
    MemoryHolds,
    NotOpen,
    Placed,
    Placement,
    Refused,
)
from monoize.infra.redis_holds import TIMEOUT_S, HoldsAway, RedisHolds

FOREVER_S = 3600


@pytest.fixture
def namespace() -> Iterator[str]:
    with redis_server.scratch_namespace() as prefix:
        yield prefix


@pytest.fixture(params=["memory", "redis"])
async def make_holds(request: pytest.FixtureRequest) -> AsyncIterator[Callable[..., Holds]]:
    prefix = request.getfixturevalue("namespace") if request.param == "redis" else None
    async with contextlib.AsyncExitStack() as stack:

        def make(**bounds: int) -> Holds:
            made: Holds = MemoryHolds(**bounds) if prefix is None else RedisHolds(REDIS, namespace=prefix, **bounds)
            stack.push_async_callback(made.close)
            return made

        yield make


@pytest.fixture
def holds(make_holds: Callable[..., Holds]) -> Holds:
    return make_holds()


@pytest.fixture
async def shared(namespace: str) -> AsyncIterator[RedisHolds]:
    made = RedisHolds(REDIS, namespace=namespace)
    yield made
    await made.close()


async def tell(holds: Holds, **balances: int | None) -> None:
    for budget, balance in balances.items():
        assert await holds.refresh(budget, balance, await holds.mark(budget))


async def place(
    holds: Holds, hold_id: str, *claims: Claim, owner: str = "us", lifetime_s: int = FOREVER_S
) -> Placement:
    return await holds.place(hold_id, claims, owner=owner, lifetime_s=lifetime_s)


async def budget(holds: Holds, name: str) -> BudgetState:
    return next(state for state in (await holds.snapshot()).budgets if state.name == name)


async def money(holds: Holds, name: str) -> tuple[int | None, int, int]:
    """(available, held, unposted)"""
    state = await budget(holds, name)
    return state.available, state.held, state.unposted


# Placing


async def test_a_budget_nobody_opened_is_named_with_the_mark_that_opens_it(holds: Holds):
    await tell(holds, known=100)
    claims = (Claim("known", 10), Claim("a", 10), Claim("b", 0))
    answer = await place(holds, "1", *claims)

    assert isinstance(answer, NotOpen)
    assert ["a", "b"] == list(answer.marks)
    assert (100, 0, 0) == await money(holds, "known")
    for name, mark in answer.marks.items():
        assert await holds.refresh(name, 50, mark)
    assert Placed((10, 10, 0)) == await place(holds, "1", *claims)


async def test_what_is_held_is_not_available_to_the_next(holds: Holds):
    await tell(holds, a=100)

    assert Placed((60,)) == await place(holds, "1", Claim("a", 60))
    assert (40, 60, 0) == await money(holds, "a")
    assert Refused("a", 40, 41) == await place(holds, "2", Claim("a", 41))
    assert Placed((40,)) == await place(holds, "3", Claim("a", 40))


async def test_all_budgets_are_held_or_none_and_the_first_that_lacks_is_named(holds: Holds):
    await tell(holds, a=100, b=10, c=0)

    assert Refused("b", 10, 50) == await place(holds, "1", *(Claim(name, 50) for name in "abc"))
    assert [(100, 0, 0), (10, 0, 0), (0, 0, 0)] == [await money(holds, name) for name in "abc"]
    assert 0 == (await holds.snapshot()).hold_count


@pytest.mark.parametrize(
    ("available", "overdraft", "placed"),
    [(1, 0, True), (0, 0, False), (-1, 0, False), (None, 0, True), (0, 1, True), (-1, 1, False)],
)
async def test_a_request_that_costs_nothing_needs_something_to_be_there(
    holds: Holds, available: int | None, overdraft: int, placed: bool
):
    await tell(holds, a=available)

    answer = await place(holds, "1", Claim("a", 0, overdraft=overdraft))
    assert placed == (answer == Placed((0,)))


@pytest.mark.parametrize(
    ("available", "least", "taken"), [(100, 10, 80), (80, 10, 80), (79, 10, 79), (10, 10, 10), (9, 10, None)]
)
async def test_a_clamped_claim_takes_what_is_there_if_that_will_do(
    holds: Holds, available: int, least: int, taken: int | None
):
    await tell(holds, a=available)

    answer = await place(holds, "1", Claim("a", 80, least=least))
    assert (Refused("a", available, 80) if taken is None else Placed((taken,))) == answer
    assert (available - (taken or 0), taken or 0, 0) == await money(holds, "a")


async def test_a_clamped_claim_that_could_do_with_nothing_still_needs_something(holds: Holds):
    await tell(holds, a=0, b=1)

    assert Refused("a", 0, 80) == await place(holds, "1", Claim("a", 80, least=0))
    assert Placed((1,)) == await place(holds, "2", Claim("b", 80, least=0))


async def test_an_overdraft_goes_so_far_below_zero_and_no_further(holds: Holds):
    await tell(holds, a=10)

    assert Refused("a", 10, 31) == await place(holds, "1", Claim("a", 31, overdraft=20))
    assert Placed((30,)) == await place(holds, "2", Claim("a", 30, overdraft=20))
    assert (-20, 30, 0) == await money(holds, "a")
    assert Refused("a", -20, 1) == await place(holds, "3", Claim("a", 1, overdraft=20))


async def test_a_clamped_claim_may_go_into_the_overdraft_too(holds: Holds):
    await tell(holds, a=10)

    assert Placed((30,)) == await place(holds, "1", Claim("a", 100, least=5, overdraft=20))
    assert (-20, 30, 0) == await money(holds, "a")


async def test_an_unlimited_budget_refuses_nothing_and_counts_all_the_same(holds: Holds):
    await tell(holds, a=None)

    assert Placed((AMOUNT_MOST_NANO,)) == await place(holds, "1", Claim("a", AMOUNT_MOST_NANO))
    assert BudgetState("a", True, None, AMOUNT_MOST_NANO, 0) == await budget(holds, "a")
    await holds.settle("1", {"a": 7})
    assert BudgetState("a", True, None, 0, 7) == await budget(holds, "a")


async def test_placing_the_same_again_holds_it_once(holds: Holds):
    await tell(holds, a=100)

    assert [Placed((90,))] * 3 == [await place(holds, "1", Claim("a", 90)) for _ in range(3)]
    assert (10, 90, 0) == await money(holds, "a")


async def test_placing_the_same_again_answers_what_was_taken_then(holds: Holds):
    await tell(holds, a=50)
    clamped = Claim("a", 80, least=10)
    await place(holds, "1", clamped)
    await tell(holds, a=1000)

    assert Placed((50,)) == await place(holds, "1", clamped)


async def test_placing_again_prolongs_a_hold_and_never_shortens_it(holds: Holds):
    await tell(holds, a=100)
    for hold_id, first_s, then_s in (("1", 0, FOREVER_S), ("2", FOREVER_S, 0)):
        await place(holds, hold_id, Claim("a", 1), lifetime_s=first_s)
        await place(holds, hold_id, Claim("a", 1), lifetime_s=then_s)

    assert () == await holds.sweep()


@pytest.mark.parametrize(
    "other", [Claim("a", 2), Claim("b", 1), Claim("a", 1, least=0), Claim("a", 1, overdraft=1)]
)
async def test_an_id_that_is_placed_with_other_claims_is_a_mistake(holds: Holds, other: Claim):
    await tell(holds, a=100, b=100)
    await place(holds, "1", Claim("a", 1))

    with pytest.raises(ValueError, match="other claims"):
        await place(holds, "1", other)
    assert [(99, 1, 0), (100, 0, 0)] == [await money(holds, name) for name in "ab"]


# Settling and releasing


@pytest.mark.case(49)
async def test_settling_takes_the_charge_and_gives_back_the_rest(holds: Holds):
    await tell(holds, user=1_000_000_000, key=300_000_000)
    await place(holds, "1", Claim("user", 202_400_000), Claim("key", 202_400_000))
    before, _, _ = await money(holds, "user")

    assert "ended" == await holds.settle("1", {"user": 130_000_000, "key": 130_000_000})
    assert (before + 72_400_000, 0, 130_000_000) == await money(holds, "user")
    assert 870_000_000 == before + 72_400_000
    assert (170_000_000, 0, 130_000_000) == await money(holds, "key")


async def test_a_charge_above_the_hold_leaves_less_than_nothing_and_nobody_else_gets_in(holds: Holds):
    await tell(holds, a=100)
    await place(holds, "1", Claim("a", 100))
    await holds.settle("1", {"a": 130})

    assert (-30, 0, 130) == await money(holds, "a")
    assert Refused("a", -30, 0) == await place(holds, "2", Claim("a", 0))


async def test_a_budget_that_is_not_charged_gets_its_hold_back_and_one_not_held_is_charged(holds: Holds):
    await tell(holds, a=100, b=100)
    await place(holds, "1", Claim("a", 60))
    await holds.settle("1", {"b": 5})

    assert [(100, 0, 0), (95, 0, 5)] == [await money(holds, name) for name in "ab"]


async def test_releasing_gives_back_everything(holds: Holds):
    await tell(holds, a=100, b=50)
    await place(holds, "1", Claim("a", 60), Claim("b", 80, least=1))

    assert "ended" == await holds.release("1")
    assert [(100, 0, 0), (50, 0, 0)] == [await money(holds, name) for name in "ab"]


@pytest.mark.parametrize("first", ["settle", "settle for nothing", "release", "posted"])
async def test_after_the_first_end_of_an_id_nothing_about_it_changes_anything(holds: Holds, first: str):
    await tell(holds, a=100)
    await place(holds, "1", Claim("a", 60))
    match first:
        case "settle":
            await holds.settle("1", {"a": 10})
        case "settle for nothing":
            await holds.settle("1", {"a": 0})
        case "release":
            await holds.release("1")
        case "posted":
            await holds.posted({"1": {"a": 10}})
    before = await holds.snapshot()

    assert "repeated" == await holds.settle("1", {"a": 30})
    assert "repeated" == await holds.release("1")
    assert AlreadyEnded() == await place(holds, "1", Claim("a", 60))
    assert before == await holds.snapshot()


async def test_a_release_that_overtakes_its_place_keeps_it_out(holds: Holds):
    await tell(holds, a=100)

    assert "late" == await holds.release("1")
    assert AlreadyEnded() == await place(holds, "1", Claim("a", 60))
    assert (100, 0, 0) == await money(holds, "a")


async def test_a_charge_on_a_budget_that_is_not_open_waits_for_its_balance(holds: Holds):
    assert "late" == await holds.settle("1", {"a": 30})
    assert BudgetState("a", False, None, 0, 30) == await budget(holds, "a")
    await tell(holds, a=100)

    assert (70, 0, 30) == await money(holds, "a")


async def test_a_cap_of_which_most_is_spent_admits_what_fits_and_one_of_two_that_do_not(holds: Holds):
    await tell(holds, day=1_000_000_000)
    await holds.settle("0", {"day": 950_000_000})

    assert Refused("day", 50_000_000, 60_000_000) == await place(holds, "1", Claim("day", 60_000_000))
    assert Placed((50_000_000,)) == await place(holds, "2", Claim("day", 50_000_000))
    await holds.release("2")
    both = await asyncio.gather(*(place(holds, hold_id, Claim("day", 40_000_000)) for hold_id in "34"))
    assert [Placed, Refused] == sorted(map(type, both), key=lambda kind: kind.__name__)


# Time


async def test_what_outlives_its_time_is_released_and_named(holds: Holds):
    await tell(holds, a=100)
    await place(holds, "old", Claim("a", 60), lifetime_s=0)
    await place(holds, "young", Claim("a", 30))

    assert ("old",) == await holds.sweep()
    assert () == await holds.sweep()
    assert (70, 30, 0) == await money(holds, "a")


async def test_a_settling_after_the_sweeper_takes_the_charge_once(holds: Holds):
    await tell(holds, a=100)
    await place(holds, "1", Claim("a", 60), lifetime_s=0)
    await holds.sweep()

    assert ["late", "repeated"] == [await holds.settle("1", {"a": 40}) for _ in range(2)]
    assert (60, 0, 40) == await money(holds, "a")


async def test_what_the_sweeper_released_can_be_placed_anew(holds: Holds):
    await tell(holds, a=100)
    await place(holds, "1", Claim("a", 60), lifetime_s=0)
    await holds.sweep()

    assert Placed((70,)) == await place(holds, "1", Claim("a", 70))


async def test_more_than_a_page_of_holds_is_swept_at_once(holds: Holds):
    await tell(holds, a=1000)
    await asyncio.gather(*(place(holds, str(n), Claim("a", 1), lifetime_s=0) for n in range(250)))

    assert {str(n) for n in range(250)} == set(await holds.sweep())
    assert (1000, 0, 0) == await money(holds, "a")


async def test_idle_budgets_are_closed_but_none_that_knows_of_money(make_holds: Callable[..., Holds]):
    holds = make_holds(idle_s=0)
    await tell(holds, idle=1, held=1, unposted=1)
    mark = await holds.mark("idle")
    await place(holds, "1", Claim("held", 1))
    await holds.settle("2", {"unposted": 1})
    await holds.sweep()

    assert {"held", "unposted"} == {state.name for state in (await holds.snapshot()).budgets}
    assert isinstance(await place(holds, "3", Claim("idle", 1)), NotOpen)
    assert not await holds.refresh("idle", 1, mark)


async def test_what_was_used_lately_stays_open(holds: Holds):
    await tell(holds, a=100)
    await holds.sweep()

    assert (100, 0, 0) == await money(holds, "a")


async def test_an_end_is_forgotten_some_time_after_it_was_posted_and_not_before(make_holds: Callable[..., Holds]):
    holds = make_holds(remember_s=0)
    await tell(holds, a=100)
    await holds.settle("unposted", {"a": 1})
    await holds.posted({"posted": {"a": 1}})
    await holds.release("released")
    for hold_id in ("posted", "released"):
        deadline = time.monotonic() + PATIENCE_S
        while await place(holds, hold_id, Claim("a", 1)) == AlreadyEnded():
            assert time.monotonic() < deadline
            await holds.sweep()

    assert AlreadyEnded() == await place(holds, "unposted", Claim("a", 1))
    assert (96, 2, 1) == await money(holds, "a")


# Owners


async def test_holds_of_owners_that_are_gone_are_found_and_released(holds: Holds):
    await tell(holds, a=1000)
    for owner, hold_id in (("alive", "1"), ("dead", "2"), ("dead", "3"), ("gone", "4")):
        await place(holds, hold_id, Claim("a", 100), owner=owner)

    assert ("dead", "gone") == await holds.orphans({"alive", "idle"})
    assert {"2", "3"} == set(await holds.release_of("dead"))
    assert ("gone",) == await holds.orphans({"alive"})
    assert (800, 200, 0) == await money(holds, "a")
    assert "late" == await holds.settle("2", {"a": 30})
    assert (770, 200, 30) == await money(holds, "a")


async def test_an_owner_without_holds_is_no_orphan(holds: Holds):
    await tell(holds, a=1000)
    for hold_id, end in itertools.product("123", (holds.release, lambda hold_id: holds.settle(hold_id, {"a": 1}))):
        await place(holds, f"{hold_id}{end}".replace(" ", ""), Claim("a", 1), owner="dead")
        await end(f"{hold_id}{end}".replace(" ", ""))

    assert () == await holds.orphans(())
    assert () == await holds.release_of("dead")


async def test_more_than_a_page_of_holds_is_released_for_an_owner(holds: Holds):
    await tell(holds, a=1000)
    await asyncio.gather(*(place(holds, str(n), Claim("a", 1), owner="dead") for n in range(250)))

    assert 250 == len(await holds.release_of("dead"))
    assert (1000, 0, 0) == await money(holds, "a")


# Truth and memory


async def test_posting_moves_a_charge_into_the_balance_and_leaves_what_is_available(holds: Holds):
    await tell(holds, a=100)
    await place(holds, "1", Claim("a", 60))
    await place(holds, "2", Claim("a", 5))
    await holds.settle("1", {"a": 40})
    assert (55, 5, 40) == await money(holds, "a")

    assert [1, 0] == [await holds.posted({"1": {"a": 40}}) for _ in range(2)]
    assert (55, 5, 0) == await money(holds, "a")
    await tell(holds, a=60)
    assert (55, 5, 0) == await money(holds, "a")


async def test_a_balance_from_before_the_posting_counts_what_is_not_posted(holds: Holds):
    await tell(holds, a=100)
    await holds.settle("1", {"a": 40})
    await tell(holds, a=100)

    assert (60, 0, 40) == await money(holds, "a")


async def test_posting_what_is_still_held_settles_it(holds: Holds):
    await tell(holds, a=100)
    await place(holds, "1", Claim("a", 60), owner="dead")

    assert 1 == await holds.posted({"1": {"a": 40}})
    assert (60, 0, 0) == await money(holds, "a")
    assert "repeated" == await holds.settle("1", {"a": 40})
    assert () == await holds.orphans(())


async def test_posting_what_was_never_seen_lowers_the_balance_once(holds: Holds):
    await tell(holds, a=100)

    assert [1, 0] == [await holds.posted({"1": {"a": 40, "unknown": 1}}) for _ in range(2)]
    assert "repeated" == await holds.settle("1", {"a": 40})
    assert (60, 0, 0) == await money(holds, "a")
    assert 0 == (await holds.snapshot()).unposted_count


async def test_what_was_settled_counts_whatever_the_posting_says(holds: Holds):
    await tell(holds, a=100)
    await holds.settle("1", {"a": 40})
    await holds.posted({"1": {"a": 70, "b": 70}})

    assert (60, 0, 0) == await money(holds, "a")


async def test_many_are_posted_at_once(holds: Holds):
    await tell(holds, a=10_000)
    charged = {str(n): {"a": 1} for n in range(POSTED_MOST)}
    for hold_id in list(charged)[:300]:
        await holds.settle(hold_id, charged[hold_id])

    assert POSTED_MOST == await holds.posted(charged)
    assert (10_000 - POSTED_MOST, 0, 0) == await money(holds, "a")
    with pytest.raises(ValueError):
        await holds.posted(charged | {"one more": {}})


async def test_a_balance_read_before_something_happened_is_not_believed(holds: Holds):
    await tell(holds, a=100)
    await holds.settle("1", {"a": 40})

    mark = await holds.mark("a")
    await holds.posted({"1": {"a": 40}})
    assert not await holds.refresh("a", 100, mark)

    mark = await holds.mark("a")
    assert await holds.credit("a", 7, mark)
    assert not await holds.refresh("a", 60, mark)

    mark = await holds.mark("a")
    assert await holds.refresh("a", 67, mark)
    assert not await holds.refresh("a", 60, mark)
    assert (67, 0, 0) == await money(holds, "a")


async def test_holding_and_settling_do_not_outdate_a_balance_that_is_being_read(holds: Holds):
    await tell(holds, a=100)
    mark = await holds.mark("a")
    await place(holds, "1", Claim("a", 10))
    await place(holds, "2", Claim("a", 10))
    await place(holds, "3", Claim("a", 10))
    await holds.settle("1", {"a": 5})
    await holds.release("2")

    assert await holds.refresh("a", 200, mark)
    assert (185, 10, 5) == await money(holds, "a")


async def test_of_two_who_open_a_budget_the_second_changes_nothing(holds: Holds):
    answers = [await place(holds, hold_id, Claim("a", 1)) for hold_id in "12"]
    marks = [answer.marks["a"] for answer in answers if isinstance(answer, NotOpen)]

    assert [True, False] == [await holds.refresh("a", 100 + n, mark) for n, mark in enumerate(marks)]
    assert (100, 0, 0) == await money(holds, "a")


async def test_a_balance_is_not_told_to_a_budget_nobody_marked(holds: Holds):
    assert not await holds.refresh("a", 100, 0)
    assert not await holds.refresh("a", 100, 1)
    assert not await holds.credit("a", 100, 1)
    assert 0 == (await holds.snapshot()).budget_count


async def test_a_credit_counts_once_up_or_down(holds: Holds):
    await tell(holds, a=100)
    mark = await holds.mark("a")

    assert [True, False] == [await holds.credit("a", 30, mark) for _ in range(2)]
    assert await holds.credit("a", -150, await holds.mark("a"))
    assert (-20, 0, 0) == await money(holds, "a")


async def test_a_credit_that_a_balance_may_contain_already_is_not_counted(holds: Holds):
    await tell(holds, a=100)
    mark = await holds.mark("a")
    await tell(holds, a=130)

    assert not await holds.credit("a", 30, mark)
    assert (130, 0, 0) == await money(holds, "a")


async def test_a_credit_outdates_the_balance_with_which_somebody_is_opening_the_budget(holds: Holds):
    mark = await holds.mark("a")

    assert await holds.credit("a", -30, mark)
    assert not await holds.refresh("a", 100, mark)
    assert BudgetState("a", False, None, 0, 0) == await budget(holds, "a")


async def test_a_budget_becomes_unlimited_and_limited_again_with_what_it_knows(holds: Holds):
    await tell(holds, a=100)
    await place(holds, "1", Claim("a", 60))
    await tell(holds, a=None)
    await place(holds, "2", Claim("a", 500))
    await holds.settle("2", {"a": 450})
    assert await holds.credit("a", 5, await holds.mark("a"))
    assert BudgetState("a", True, None, 60, 450) == await budget(holds, "a")
    await tell(holds, a=100)

    assert (-410, 60, 450) == await money(holds, "a")


# Bounds


@pytest.mark.parametrize("name", ["", " ", "a b", "ü", "a\n", "a\x00", "\x7f", "x" * 161])
async def test_a_name_is_short_printable_ascii(holds: Holds, name: str):
    await tell(holds, a=100)
    before = await holds.snapshot()
    for mistake in (
        lambda: place(holds, name, Claim("a", 1)),
        lambda: place(holds, "1", Claim(name, 1)),
        lambda: place(holds, "1", Claim("a", 1), owner=name),
        lambda: holds.settle(name, {"a": 1}),
        lambda: holds.settle("1", {"a": 1, name: 1}),
        lambda: holds.release(name),
        lambda: holds.posted({"1": {"a": 1}, name: {"a": 1}}),
        lambda: holds.posted({"1": {"a": 1}, "2": {name: 1}}),
        lambda: holds.mark(name),
    ):
        with pytest.raises(ValueError):
            await mistake()

    assert before == await holds.snapshot()


@pytest.mark.parametrize("name", ["!", "~", "x" * 160, "key:1:month:2026-11", "{a}*?[b]"])
async def test_any_other_is_a_name(holds: Holds, name: str):
    await tell(holds, **{name: 100})

    assert Placed((1,)) == await place(holds, name, Claim(name, 1), owner=name)
    assert (HoldState(name, name, {name: 1}),) == (await holds.snapshot()).holds
    assert (name,) == await holds.orphans(())
    assert "ended" == await holds.settle(name, {name: 1})


@pytest.mark.parametrize("amount", [-1, AMOUNT_MOST_NANO + 1, 1.0, "1", True, None])
async def test_an_amount_is_a_whole_number_within_bounds(holds: Holds, amount: int):
    await tell(holds, a=100)
    for mistake in (
        lambda: Claim("a", amount),
        lambda: Claim("a", 1, overdraft=amount),
    ):
        with pytest.raises(ValueError):
            mistake()
    for charged in (holds.settle("1", {"b": 1, "a": amount}), holds.posted({"1": {"b": 1, "a": amount}})):
        with pytest.raises(ValueError):
            await charged

    assert (100, 0, 0) == await money(holds, "a")


@pytest.mark.parametrize("least", [-1, 11])
def test_the_least_that_will_do_is_no_more_than_what_is_asked(least: int):
    with pytest.raises(ValueError):
        Claim("a", 10, least=least)


async def test_a_balance_is_a_whole_number(holds: Holds):
    await tell(holds, a=100)
    with pytest.raises(ValueError):
        await holds.refresh("a", 1.5, await holds.mark("a"))  # type: ignore[arg-type]
    with pytest.raises(ValueError):
        await holds.credit("a", 1.5, await holds.mark("a"))  # type: ignore[arg-type]

    assert (100, 0, 0) == await money(holds, "a")


async def test_one_to_sixteen_budgets_are_claimed_each_once(holds: Holds):
    names = [f"budget-{n}" for n in range(CLAIMS_MOST)]
    await tell(holds, **dict.fromkeys(names, 100))
    claims = [Claim(name, 1) for name in names]

    assert Placed((1,) * CLAIMS_MOST) == await place(holds, "1", *claims)
    for wrong in ([], [*claims, Claim("more", 1)], [Claim("budget-0", 1), Claim("budget-0", 2)]):
        with pytest.raises(ValueError):
            await place(holds, "2", *wrong)
    with pytest.raises(ValueError):
        await holds.settle("1", dict.fromkeys([*names, "more"], 1))


@pytest.mark.parametrize("lifetime_s", [-1, LIFETIME_MOST_S + 1])
async def test_a_life_is_bounded(holds: Holds, lifetime_s: int):
    await tell(holds, a=100)
    with pytest.raises(ValueError):
        await place(holds, "1", Claim("a", 1), lifetime_s=lifetime_s)


@pytest.mark.parametrize("around", [2**31, 2**53, 10**15, 10**16, AMOUNT_MOST_NANO - 3])
async def test_large_amounts_are_compared_and_added_to_the_last_nano(holds: Holds, around: int):
    for step, (available, amount) in enumerate(itertools.product(range(around - 2, around + 3), repeat=2)):
        name = f"budget-{step}"
        await tell(holds, **{name: available})
        answer = await place(holds, name, Claim(name, amount))

        assert (Placed((amount,)) if amount <= available else Refused(name, available, amount)) == answer
        await holds.settle(name, {name: amount})
        assert (available - amount, 0, amount) == await money(holds, name)


@pytest.mark.parametrize("debt", [2**53 + 1, 10**17 + 1])
async def test_deep_debts_are_exact_too(holds: Holds, debt: int):
    await tell(holds, a=-debt)

    assert Refused("a", -debt, 1) == await place(holds, "1", Claim("a", 1, overdraft=debt))
    assert Placed((1,)) == await place(holds, "2", Claim("a", 5, least=1, overdraft=debt + 1))
    assert (-debt - 1, 1, 0) == await money(holds, "a")


@pytest.mark.parametrize(("balance", "counted"), [(2**127 - 1, BALANCE_MOST_NANO), (-(2**127), -BALANCE_MOST_NANO)])
async def test_a_balance_beyond_the_bound_counts_as_the_bound(holds: Holds, balance: int, counted: int):
    await tell(holds, a=balance)

    assert (counted, 0, 0) == await money(holds, "a")


async def test_so_many_holds_and_no_more_and_the_unposted_count_too(make_holds: Callable[..., Holds]):
    holds = make_holds(most=3)
    await tell(holds, a=100)
    for hold_id in "123":
        assert Placed((1,)) == await place(holds, hold_id, Claim("a", 1))
    await holds.settle("1", {"a": 1})

    with pytest.raises(HoldsFull):
        await place(holds, "4", Claim("a", 1))
    assert Placed((1,)) == await place(holds, "2", Claim("a", 1))
    await holds.posted({"1": {"a": 1}})
    assert Placed((1,)) == await place(holds, "4", Claim("a", 1))


async def test_a_snapshot_shows_a_bounded_number_and_counts_all(holds: Holds):
    many = SNAPSHOT_MOST + 50
    for n in range(many):
        await tell(holds, **{f"budget-{n}": 100})
    await asyncio.gather(*(place(holds, str(n), Claim(f"budget-{n}", 1)) for n in range(many)))
    await holds.settle("late", {"budget-0": 1})
    seen = await holds.snapshot()

    assert (SNAPSHOT_MOST, SNAPSHOT_MOST) == (len(seen.budgets), len(seen.holds))
    assert (many, many, 1) == (seen.budget_count, seen.hold_count, seen.unposted_count)


async def test_a_full_memory_closes_the_budget_that_was_used_longest_ago_and_none_that_is_busy():
    holds = MemoryHolds(budgets_most=4)
    await tell(holds, held=10, unposted=10, young=10, old=10)
    await place(holds, "1", Claim("held", 1))
    await holds.settle("2", {"unposted": 1})
    await place(holds, "3", Claim("old", 11))
    await place(holds, "4", Claim("young", 11))
    await tell(holds, new=10)

    assert {"held", "unposted", "young", "new"} == {state.name for state in (await holds.snapshot()).budgets}


async def test_a_memory_full_of_busy_budgets_still_opens_another():
    holds = MemoryHolds(budgets_most=2)
    for name in "abcd":
        await tell(holds, **{name: 10})
        assert Placed((1,)) == await place(holds, name, Claim(name, 1))

    assert 4 == (await holds.snapshot()).budget_count


# Many at once


@pytest.mark.parametrize("credit", [0, 1, 7, 150])
async def test_of_two_hundred_at_once_exactly_as_many_get_in_as_there_is_money(holds: Holds, credit: int):
    await tell(holds, user=credit * 5, key=10_000)
    answers = await asyncio.gather(*(place(holds, str(n), Claim("key", 5), Claim("user", 5)) for n in range(200)))

    assert credit == sum(answer == Placed((5, 5)) for answer in answers)
    assert 200 - credit == answers.count(Refused("user", 0, 5))
    assert (0, credit * 5, 0) == await money(holds, "user")
    assert (10_000 - credit * 5, credit * 5, 0) == await money(holds, "key")


async def test_what_is_there_is_never_below_zero_while_many_come_and_go(holds: Holds):
    await tell(holds, a=20)
    seen: list[int | None] = []

    async def request(n: int) -> None:
        if isinstance(await place(holds, str(n), Claim("a", 3)), Placed):
            seen.append((await money(holds, "a"))[0])
            await (holds.settle(str(n), {"a": 1}) if n % 2 else holds.release(str(n)))
        seen.append((await money(holds, "a"))[0])

    await asyncio.gather(*(request(n) for n in range(200)))
    assert not [available for available in seen if available is None or available < 0]
    available, held, unposted = await money(holds, "a")
    assert (20, 0) == (available + unposted if available is not None else None, held)


async def test_one_hold_that_many_end_at_once_is_ended_once(holds: Holds):
    await tell(holds, a=100)
    await place(holds, "1", Claim("a", 60))
    ends = await asyncio.gather(*(holds.settle("1", {"a": 40}) if n % 2 else holds.release("1") for n in range(50)))

    assert (1, 49) == (ends.count("ended"), ends.count("repeated"))


async def test_several_processes_get_exactly_as_much_as_there_is(namespace: str, shared: RedisHolds):
    await tell(shared, a=250)
    ended = await asyncio.to_thread(
        at_once.together, *[("place_holds", REDIS, namespace, "a", "100") for _ in range(4)]
    )

    assert [0] * 4 == [process.code for process in ended]
    assert 250 == sum(int(process.lines[-1]) for process in ended)
    assert (0, 250, 0) == await money(shared, "a")
    released = [await shared.release_of(owner) for owner in await shared.orphans(())]
    assert 250 == sum(map(len, released))
    assert (250, 0, 0) == await money(shared, "a")


# Redis


@pytest.fixture
def nobody() -> Iterator[str]:
    with redis_server.nobody() as address:
        yield address


@pytest.fixture
def silence() -> Iterator[str]:
    with redis_server.silence() as address:
        yield address


async def test_without_redis_every_verb_is_refused(nobody: str):
    holds = RedisHolds(nobody)
    for verb in (
        place(holds, "1", Claim("a", 1)),
        holds.settle("1", {"a": 1}),
        holds.release("1"),
        holds.posted({"1": {"a": 1}}),
        holds.mark("a"),
        holds.refresh("a", 100, 1),
        holds.credit("a", 100, 1),
        holds.sweep(),
        holds.orphans(()),
        holds.release_of("us"),
        holds.snapshot(),
    ):
        with pytest.raises(HoldsAway):
            await verb
    await holds.close()


async def test_a_redis_that_hangs_is_given_up_soon(silence: str):
    holds = RedisHolds(silence)
    async with asyncio.timeout(5 * TIMEOUT_S):
        with pytest.raises(HoldsAway):
            await place(holds, "1", Claim("a", 1))
    await holds.close()


async def test_a_redis_that_forgot_the_scripts_is_taught_them_again(shared: RedisHolds):
    await tell(shared, a=100)
    with redis.Redis.from_url(REDIS) as client:
        client.script_flush()

    assert Placed((1,)) == await place(shared, "1", Claim("a", 1))


async def test_everything_in_redis_lies_under_one_hash_tag_and_goes_away_by_itself(
    namespace: str, shared: RedisHolds
):
    await tell(shared, a=10**17, b=10)
    await place(shared, "held", Claim("a", 10**16), Claim("b", 1))
    await place(shared, "settled", Claim("a", 1))
    await shared.settle("settled", {"a": 1})
    await shared.release("released")

    with redis.Redis.from_url(REDIS, decode_responses=True) as client:
        keys = set(client.scan_iter(f"{namespace}*", count=1000))
        assert {
            f"{namespace}{kind}:{name}"
            for kind, name in (
                ("hold", "held"),
                ("hold", "settled"),
                ("hold", "released"),
                ("budget", "a"),
                ("budget", "b"),
                ("owner", "us"),
            )
        } < keys
        assert not [key for key in keys if client.pttl(key) <= 0]
        assert 1 == len({key_slot(key.encode()) for key in keys})


async def test_a_sum_beyond_64_bits_is_an_error_that_changes_nothing(shared: RedisHolds):
    await tell(shared, a=-BALANCE_MOST_NANO, b=100)
    await place(shared, "held", Claim("b", 60))
    for n in range(4):
        await shared.settle(str(n), {"a": AMOUNT_MOST_NANO})
    before = await shared.snapshot()

    with pytest.raises(OverflowError):
        await shared.settle("held", {"b": 1, "a": AMOUNT_MOST_NANO})
    assert before == await shared.snapshot()
    assert "ended" == await shared.settle("held", {"b": 1})
