"""Grants are asked for rarely, and what they say is never older than a second."""

import asyncio

import pytest

from monoize.contract.grant import Grant
from monoize.gateway.errors import InvalidKey, KeyMissing
from monoize.gateway.exchange import INSIDER, Exchange, Insider
from monoize.gateway.keys import FRESH_S, REMEMBERED_S, Keys

GRANT = Grant(key_id="k", user_id="u", tenant_id="t", username="ada")


class Register:
    """The other side of the wall: it says what it was told to say, slowly."""

    def __init__(self) -> None:
        self.asked = 0
        self.says: Grant | None = GRANT
        self.takes_s = 0.0

    async def grant(self, digest: str) -> Grant | None:
        self.asked += 1
        says = self.says
        await asyncio.sleep(self.takes_s)
        return says


async def nobody_listens(*_: object) -> None:
    raise AssertionError("nothing is read or written to find out whose key it is")


def showing(key: str) -> Exchange:
    scope = {"method": "POST", "path": "/", "query_string": b"", "headers": [(b"x-api-key", key.encode())]}
    return Exchange(scope, nobody_listens, nobody_listens, request_id="r", ip="127.0.0.1")  # type: ignore[arg-type]


async def test_of_many_who_show_a_key_at_once_one_asks():
    register = Register()
    register.takes_s = 0.05
    keys = Keys(register)
    grants = await asyncio.gather(*(keys.grant(showing("sk-the-same-key")) for _ in range(50)))
    assert [GRANT] * 50 == grants
    assert 1 == register.asked


async def test_while_one_asks_again_the_others_go_on_with_what_is_known():
    register = Register()
    keys = Keys(register)
    await keys.grant(showing("sk-the-same-key"))
    await asyncio.sleep(FRESH_S)
    register.takes_s = 10
    asks = asyncio.create_task(keys.grant(showing("sk-the-same-key")))
    await asyncio.sleep(0)
    async with asyncio.timeout(0.1):
        assert GRANT == await keys.grant(showing("sk-the-same-key"))
    asks.cancel()
    assert 2 == register.asked


async def test_a_revoked_key_is_refused_within_a_second_however_often_it_is_shown():
    register = Register()
    keys = Keys(register)
    await keys.grant(showing("sk-the-same-key"))
    register.says = None
    revoked_s = asyncio.get_running_loop().time()
    with pytest.raises(InvalidKey):
        await ask_without_end(keys)
    assert REMEMBERED_S > asyncio.get_running_loop().time() - revoked_s


async def ask_without_end(keys: Keys) -> None:
    while True:
        await keys.grant(showing("sk-the-same-key"))
        await asyncio.sleep(0.01)


async def test_a_revocation_that_comes_while_we_ask_is_not_undone_by_the_answer():
    register = Register()
    register.takes_s = 0.05
    keys = Keys(register)
    asks = asyncio.create_task(keys.grant(showing("sk-the-same-key")))
    await asyncio.sleep(0.01)
    register.says = None
    keys.forget()
    await asks
    with pytest.raises(InvalidKey):
        await keys.grant(showing("sk-the-same-key"))


async def test_whoever_gives_up_asking_leaves_it_to_the_next():
    register = Register()
    register.takes_s = 0.05
    keys = Keys(register)
    first, second = (asyncio.create_task(keys.grant(showing("sk-the-same-key"))) for _ in range(2))
    await asyncio.sleep(0.01)
    first.cancel()
    assert GRANT == await second
    assert 2 == register.asked


def from_inside(headers: list[tuple[bytes, bytes]], extensions: dict[str, object]) -> Exchange:
    scope = {"method": "POST", "path": "/", "query_string": b"", "headers": headers, "extensions": extensions}
    return Exchange(scope, nobody_listens, nobody_listens, request_id="r", ip="127.0.0.1")  # type: ignore[arg-type]


async def test_code_of_this_process_names_a_key_that_nobody_shows():
    asked: list[str] = []

    class Told(Register):
        async def grant(self, digest: str) -> Grant | None:
            asked.append(digest)
            return await super().grant(digest)

    exchange = from_inside([], {INSIDER: Insider("some-digest", "known-before")})
    assert GRANT == await Keys(Told()).grant(exchange)
    assert (["some-digest"], "known-before") == (asked, exchange.request_id)


async def test_what_comes_over_a_wire_cannot_say_that_it_comes_from_inside():
    told = [(INSIDER.encode(), b"some-digest"), (b"x-" + INSIDER.encode(), b"some-digest")]
    with pytest.raises(KeyMissing):
        await Keys(Register()).grant(from_inside(told, {}))


async def test_the_key_of_an_insider_ends_as_any_key_does():
    register = Register()
    register.says = None
    with pytest.raises(InvalidKey):
        await Keys(register).grant(from_inside([], {INSIDER: Insider("some-digest", "r")}))
