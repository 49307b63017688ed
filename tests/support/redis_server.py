"""The Redis that tests use: prefixes in it that are theirs alone, and addresses at which there is none."""

import contextlib
import secrets
import socket
from collections.abc import Iterator

import redis
from redis.exceptions import RedisError

from support.engines import REDIS, absent


@contextlib.contextmanager
def scratch_namespace() -> Iterator[str]:
    """A prefix that is ours alone, and one hash tag; empty again afterwards."""
    prefix = f"{{monoize:test:{secrets.token_hex(6)}}}:"
    with redis.Redis.from_url(REDIS) as client:
        try:
            client.ping()
        except RedisError as problem:
            absent("redis", str(problem))
        yield prefix
        for key in list(client.scan_iter(f"{prefix}*", count=1000)):
            client.delete(key)


@contextlib.contextmanager
def nobody() -> Iterator[str]:
    """The address of a Redis that is not there."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"redis://127.0.0.1:{bound.getsockname()[1]}/0"


@contextlib.contextmanager
def silence() -> Iterator[str]:
    """The address of a Redis that takes connections and never answers."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(100)
        yield f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
