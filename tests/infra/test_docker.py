"""How the engine's client finds an engine, agrees on a version, and says what went wrong."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from monoize.infra.docker import Docker, EngineGone, EngineRefused, agreed, split_reference, tells_of_init


@pytest.mark.parametrize(
    ("image", "split"),
    [
        ("app", ("app", "latest")),
        ("app:1", ("app", "1")),
        ("127.0.0.1:5000/app", ("127.0.0.1:5000/app", "latest")),
        ("127.0.0.1:5000/app:1", ("127.0.0.1:5000/app", "1")),
        ("ghcr.io/a/b@sha256:00", ("ghcr.io/a/b", "sha256:00")),
        ("ghcr.io/a/b:1@sha256:00", ("ghcr.io/a/b", "sha256:00")),
    ],
)
def test_a_reference_always_names_one_image_and_never_all_tags(image: str, split: tuple[str, str]):
    assert split == split_reference(image)


@pytest.mark.parametrize(
    ("theirs", "oldest", "spoken"), [("1.41", "1.12", "1.41"), ("1.99", "1.44", "1.47"), ("1.40", "1.40", "1.40")]
)
def test_the_newest_version_that_both_know_is_spoken(theirs: str, oldest: str, spoken: str):
    assert spoken == agreed(theirs, oldest)


@pytest.mark.parametrize(("theirs", "oldest"), [("1.24", "1.12"), ("2.0", "1.90")])
def test_an_engine_that_is_too_old_or_too_new_is_refused(theirs: str, oldest: str):
    with pytest.raises(EngineRefused):
        agreed(theirs, oldest)


@pytest.mark.parametrize(
    ("info", "has_one"),
    [
        ({"InitBinary": "docker-init", "InitCommit": {"ID": "de40ad0"}}, True),
        # As Debian builds it.
        ({"InitBinary": "docker-init", "InitCommit": {"ID": ""}}, True),
        ({"InitBinary": "docker-init"}, True),
        # It is configured, and not installed.
        ({"InitBinary": "docker-init", "InitCommit": {"ID": "N/A"}}, False),
        ({"InitBinary": ""}, False),
        ({}, False),
    ],
)
def test_an_engine_has_an_init_if_it_found_one(info: dict[str, Any], has_one: bool):
    assert has_one is tells_of_init(info)


@pytest.mark.parametrize("url", ["", "unix://relative", "ftp://x", "tcp://", "/var/run/docker.sock"])
def test_an_address_that_is_none_is_refused_at_once(url: str):
    with pytest.raises(ValueError):
        Docker(url)


@contextlib.asynccontextmanager
async def answering(folder: Path, said: bytes) -> AsyncIterator[str]:
    """The address of something that says this to whoever comes, and hangs up."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        await writer.drain()
        writer.close()

    async with await asyncio.start_unix_server(answer, folder / "d.sock"):
        yield f"unix://{folder}/d.sock"


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
        b'HTTP/1.1 200 OK\r\ncontent-length: 18\r\n\r\n{"ApiVersion":"?"}',
    ],
)
async def test_something_that_is_no_engine_is_said_to_be_away(tmp_path: Path, said: bytes):
    async with answering(tmp_path, said) as url, Docker(url) as docker:
        with pytest.raises(EngineGone):
            await docker.containers()


async def test_nobody_there_is_said_to_be_away(tmp_path: Path):
    async with Docker(f"unix://{tmp_path}/nobody.sock") as docker:
        with pytest.raises(EngineGone):
            await docker.info()


async def test_a_name_that_is_none_never_reaches_an_address(tmp_path: Path):
    version = b'{"ApiVersion":"1.41","MinAPIVersion":"1.12"}'
    said = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(version), version)
    async with answering(tmp_path, said) as url, Docker(url) as docker:
        for name in ("../images/json", "a?force=1", "a b", "", "a%2fb"):
            with pytest.raises(EngineRefused):
                await docker.inspect_container(name)
