"""Building an image with the engine: the classic build, from a packed context, with what it says passed on.

Fails as `infra.docker` does. Whoever stops listening stops the build.
"""

import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from monoize.control.projects.drivers.context import chunks
from monoize.infra.docker import Docker

Said = Callable[[str], Awaitable[None]]


async def build(
    docker: Docker,
    context: Path,
    *,
    dockerfile: str,
    image: str,
    labels: Mapping[str, str],
    build_args: Mapping[str, str],
    memory_mb: int,
    said: Said,
) -> str:
    """The id of the image, which is called `image` from now on."""
    params: dict[str, str | int | bool] = {
        "t": image,
        "dockerfile": dockerfile,
        "labels": json.dumps(dict(labels)),
        "rm": True,
        "forcerm": True,
        # Together with swap, so that a build ends rather than slowing the machine.
        "memory": memory_mb * 1024 * 1024,
        "memswap": memory_mb * 1024 * 1024,
    }
    steps = docker.build(chunks(context), params, build_args=build_args)
    async with contextlib.aclosing(steps):
        async for step in steps:
            for line in _lines(step):
                await said(line)
    return str((await docker.inspect_image(image))["Id"])


def _lines(step: Mapping[str, Any]) -> list[str]:
    """Progress within a layer comes many times a second and is left out."""
    if step.get("progressDetail"):
        return []
    text = step.get("stream") or step.get("status") or ""
    return [line.rstrip() for line in str(text).splitlines() if line.strip()]
