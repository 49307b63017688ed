"""What callers name is fetched from where anybody could fetch it, and from nowhere else."""

import asyncio
import ipaddress
from collections.abc import Sequence

import pytest
from support.provider import Said, in_json, serving

from monoize.gateway.upstream.client import Client
from monoize.gateway.upstream.outside import REDIRECTS_MOST, NotFetched, Outside, is_public
from monoize.gateway.upstream.target import Target

PICTURE = Said(200, b"picture", {"content-type": "Image/PNG; charset=x"})


def outside(client: Client, *hosts: str) -> Outside:
    """These names are somewhere on this machine, which counts as public here; everything else does not."""

    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.1"] if host in hosts else ["127.0.0.2"]

    return Outside(
        client,
        is_allowed=lambda address: str(address) == "127.0.0.1",
        is_usual=lambda target: True,
        resolve=resolve,
    )


async def fetch(there: Outside, url: str, *, bytes_most: int = 100, timeout_s: float = 5) -> tuple[str, bytes]:
    return await there.fetch(url, bytes_most=bytes_most, timeout_s=timeout_s)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.100.100.200",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "192.0.2.1",
        "::1",
        "::",
        "fe80::1",
        "fd00:ec2::254",
        "ff02::1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "64:ff9b:1::a9fe:a9fe",
        "2002:7f00:1::",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "::7f00:1",
    ],
)
def test_what_only_we_can_reach_is_not_public(address: str):
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8"])
def test_what_anybody_can_reach_is_public(address: str):
    assert is_public(ipaddress.ip_address(address))


async def test_what_is_there_comes_with_its_type(client: Client):
    async with serving(PICTURE) as server:
        url = server.base_url.replace("127.0.0.1", "pictures.test") + "/a.png?b=c#part"
        assert ("image/png", b"picture") == await fetch(outside(client, "pictures.test"), url)
    assert "/a.png?b=c" == server.asked[0].path
    assert server.asked[0].headers["host"].startswith("pictures.test:")
    assert "authorization" not in server.asked[0].headers


@pytest.mark.parametrize(
    "url",
    [
        "http://{}/",
        "http://127.0.0.1:{port}/",
        "http://localhost:{port}/",
        "http://[::1]:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "http://2130706433:{port}/",
        "http://0x7f.1:{port}/",
        "http://user@127.0.0.1:{port}/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "http:///",
        "//127.0.0.1/",
        "http://127.0.0.1:{port}/\r\nx: y",
        "http://a" + "b" * 9_000,
    ],
)
async def test_this_machine_is_never_asked(client: Client, url: str):
    async with serving(PICTURE) as server:
        port = server.base_url.rpartition(":")[2]
        with pytest.raises(NotFetched):
            await fetch(Outside(client, is_usual=lambda target: True), url.replace("{port}", port))
    assert [] == server.asked


async def test_a_name_is_asked_for_once_and_the_connection_goes_where_it_was_then(client: Client):
    """Whoever answers for a name cannot answer otherwise when it comes to connecting."""
    answers = [["127.0.0.1"], ["127.0.0.2"]]
    async with serving(PICTURE) as server:

        async def resolve(host: str, port: int) -> Sequence[str]:
            return answers.pop(0)

        there = Outside(client, is_allowed=lambda address: True, is_usual=lambda target: True, resolve=resolve)
        url = server.base_url.replace("127.0.0.1", "rebinding.invalid")
        assert ("image/png", b"picture") == await fetch(there, url)
    assert 1 == len(answers)


async def test_one_address_that_is_not_public_is_enough_to_refuse(client: Client):
    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["1.1.1.1", "10.0.0.1"]

    with pytest.raises(NotFetched):
        await fetch(Outside(client, resolve=resolve), "http://mixed.test/")


async def test_only_usual_ports_are_asked(client: Client):
    async def resolve(host: str, port: int) -> Sequence[str]:
        raise AssertionError("it is not even looked up")

    for url in ("http://somewhere.test:22/", "https://somewhere.test:80/", "http://somewhere.test:6379/"):
        with pytest.raises(NotFetched, match="usual"):
            await fetch(Outside(client, resolve=resolve), url)


async def test_a_redirect_is_checked_like_the_address_it_came_from(client: Client):
    async with serving(PICTURE) as inside:
        moved = Said(302, b"", {"location": inside.base_url.replace("127.0.0.1", "inside.test") + "/"})
        async with serving(moved) as server:
            url = server.base_url.replace("127.0.0.1", "outside.test")
            with pytest.raises(NotFetched):
                await fetch(outside(client, "outside.test"), url)
            assert ("image/png", b"picture") == await fetch(outside(client, "outside.test", "inside.test"), url)
    assert 1 == len(inside.asked)


async def test_redirects_come_to_an_end(client: Client):
    async with serving(Said(301, b"", {"location": "/again"})) as server:
        with pytest.raises(NotFetched, match="again"):
            await fetch(outside(client, "a.test"), server.base_url.replace("127.0.0.1", "a.test"))
    assert REDIRECTS_MOST + 1 == len(server.asked)


async def test_too_much_and_too_slow_and_not_there_are_nothing(client: Client):
    for said in (Said(200, b"x" * 101, {}), Said(200, chunks=[b"x" * 60] * 2), in_json({}, 404), Said(302)):
        async with serving(said) as server:
            with pytest.raises(NotFetched):
                await fetch(outside(client, "a.test"), server.base_url.replace("127.0.0.1", "a.test"))
    async with serving(Said(200, b"late", wait_s=1)) as server:
        with pytest.raises(NotFetched):
            await fetch(outside(client, "a.test"), server.base_url.replace("127.0.0.1", "a.test"), timeout_s=0.1)


async def test_a_name_that_takes_forever_does_not_hold_us_up(client: Client):
    async def resolve(host: str, port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    with pytest.raises(NotFetched, match="long"):
        await fetch(Outside(client, resolve=resolve), "http://slow.test/", timeout_s=0.1)


def test_a_target_that_is_tied_keeps_its_name_and_shares_no_connection():
    target, _ = Target.of("https://example.com/")
    tied = target.tied_to("192.0.2.1")

    assert (target.host, target.authority) == (tied.host, tied.authority)
    assert target.origin != tied.origin
