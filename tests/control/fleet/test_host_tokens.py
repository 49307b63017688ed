"""In whatever order a tool and a thief show what they hold, each token does what a plain model of it says."""

import asyncio
from typing import Any, Final

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import insert, select

from monoize.base.clock import utc_now
from monoize.base.ids import fingerprint, new_secret
from monoize.control.fleet.actions import host_tokens
from monoize.control.fleet.errors import HostTokenInvalid
from monoize.control.fleet.model.pools import DEFAULT_POOL_ID
from monoize.control.fleet.tables import host_refresh_tokens, hosts
from monoize.infra import dsn
from monoize.infra.db import open_database
from monoize.infra.sealed import KEY_BYTES, Seal

SEAL: Final = Seal(bytes(KEY_BYTES))


class HostTokens(RuleBasedStateMachine):
    """`issued` is every token that ever was, in order; those before `first` were called off."""

    address = ""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.database = self.run(open_database(dsn.parse(self.address), pool_size=2))

    def run(self, work: Any) -> Any:
        return self.runner.run(work)

    def teardown(self) -> None:
        self.run(self.database.close())
        self.runner.close()

    @initialize()
    def host(self) -> None:
        async def enrolled() -> tuple[int, str]:
            async with self.database.write() as tx:
                secret = new_secret()
                values = {"fqdn": f"h-{secret[:12]}", "api_key": fingerprint(secret), "pool_id": DEFAULT_POOL_ID}
                key = (await tx.execute(insert(hosts).values(**values))).inserted_primary_key
                assert key is not None
                token = await host_tokens.current(tx, SEAL, key[0])
                await host_tokens.give(tx, key[0], token)
                await host_tokens.give(tx, key[0], token)
                return key[0], token

        self.host_id, token = self.run(enrolled())
        self.issued, self.first = [token], 0
        self.repeated: set[int] = set()

    @rule(back=st.integers(0, 4))
    def shows_one(self, back: int) -> None:
        place = max(len(self.issued) - 1 - back, 0)
        shown = self.run(self._use(self.issued[place]))
        newest = len(self.issued) - 1
        if place < self.first:
            assert shown is None
        elif place < newest - 1 or (place < newest and place - 1 in self.repeated):
            assert shown == (True, None)
            self._start_over()
        else:
            copied, following = shown
            assert not copied
            if place == newest:
                assert following not in self.issued
                self.issued.append(following)
            else:
                self.repeated.add(place)
            assert self.issued[place + 1] == following

    @rule(token=st.text(max_size=80))
    def shows_something_else(self, token: str) -> None:
        assert self.run(self._use(token)) is None

    @invariant()
    def one_token_is_good_and_only_digests_are_kept(self) -> None:
        async def rows() -> list[Any]:
            async with self.database.read() as tx:
                mine = select(host_refresh_tokens).where(host_refresh_tokens.c.host_id == self.host_id)
                return list((await tx.execute(mine)).all())

        kept = self.run(rows())
        assert [fingerprint(self.issued[-1])] == [row.digest for row in kept if row.replaced_at is None]
        assert len(kept) == len(self.issued) - self.first

    def _start_over(self) -> None:
        async def anew() -> str:
            async with self.database.write() as tx:
                await host_tokens.start_over(tx, SEAL, self.host_id)
                return await host_tokens.current(tx, SEAL, self.host_id)

        self.first, self.repeated = len(self.issued), set()
        self.issued.append(self.run(anew()))

    async def _use(self, token: str) -> tuple[bool, str | None] | None:
        try:
            async with self.database.write() as tx:
                shown = await host_tokens.use(tx, SEAL, token, utc_now())
                return shown.copied, None if shown.copied else await host_tokens.current(tx, SEAL, self.host_id)
        except HostTokenInvalid:
            return None


def explored(address: str, *, examples: int, steps: int) -> None:
    HostTokens.address = address
    run_state_machine_as_test(
        HostTokens,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_the_tokens_of_a_host_do_what_a_model_of_them_does(sqlite: str):
    explored(sqlite, examples=15, steps=25)


def test_they_do_the_same_on_every_engine(engine: str):
    explored(engine, examples=2, steps=15)
