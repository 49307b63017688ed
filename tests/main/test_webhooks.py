"""Webhooks are called where anybody could be called, and nowhere else."""

from collections.abc import AsyncIterator, Sequence

import pytest
from support.provider import Said, serving

from monoize.control.governance.drivers.webhooks import NotDelivered
from monoize.gateway.upstream.client import Client
from monoize.main.webhooks import PublicWebhooks


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    opened = Client()
    yield opened
    await opened.close()


def nearby(client: Client, *hosts: str) -> PublicWebhooks:
    """These names are on this machine, which counts as public here; everything else does not."""

    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.1"] if host in hosts else ["127.0.0.1", "127.0.0.2"]

    return PublicWebhooks(
        client,
        is_allowed=lambda address: str(address) == "127.0.0.1",
        is_usual=lambda target: True,
        resolve=resolve,
    )


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://169.254.169.254/latest",
        "https://[::1]/",
        "https://10.0.0.1/hook",
        "http://example.com/",
        "https://example.com:8443/",
        "https://user@example.com/",
        "ftp://example.com/",
        "no address",
    ],
)
async def test_private_and_unusual_addresses_are_not_called(client: Client, url: str):
    with pytest.raises(NotDelivered):
        await PublicWebhooks(client).post(url, {}, b"{}")


async def test_all_addresses_of_a_name_have_to_be_public(client: Client):
    with pytest.raises(NotDelivered):
        await nearby(client).post("http://rebound.example.com/", {}, b"{}")


async def test_a_webhook_is_sent_the_body_and_redirects_are_not_followed(client: Client):
    async with serving(Said(302, b"", {"location": "http://127.0.0.1/inside"})) as provider:
        url = provider.base_url.replace("127.0.0.1", "hooks.example.com")
        status = await nearby(client, "hooks.example.com").post(url, {"x-a": "b"}, b'{"n": 1}')

        (asked,) = provider.asked
        assert (302, "POST", "b", {"n": 1}) == (status, asked.method, asked.headers["x-a"], asked.json)
