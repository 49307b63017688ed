"""The scene of the contract tests: a house with mail, open registration, upstreams, and an engine at need."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from fakes.smtp import MailSink

import support.mcp_mutations
import support.project_mutations  # noqa: F401 - its rows join VALID
from support.docker_engine import LazyEngine
from support.house import open_house, test_settings
from support.mutations import Scene
from support.upstreams import open_upstreams


@contextlib.asynccontextmanager
async def open_scene(address: str, folder: Path, engine: LazyEngine) -> AsyncIterator[Scene]:
    async with MailSink() as mail:
        settings = test_settings(
            address,
            folder,
            registration_enabled=True,
            smtp_url=mail.url,
            mail_from="monoize@example.com",
            docker_url=engine.url,
        )
        async with open_house(settings) as running, open_upstreams(running):
            yield Scene(running, mail, engine)
