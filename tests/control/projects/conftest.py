"""What the tests of this room share: one engine for the whole session."""

from collections.abc import Iterator

import pytest
from support.docker_engine import DockerEngine, started


@pytest.fixture(scope="session")
def docker_engine() -> Iterator[DockerEngine]:
    """With the images `busybox:test`, and `app:1` and `app:2`, which say which they are."""
    with started() as engine:
        for number in ("1", "2"):
            engine.import_image(f"app:{number}", {"www/index.html": f"{number}\n"})
        yield engine
