"""A scene in which every changing endpoint can be asked successfully."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fakes.smtp import MailSink
from support.house import open_house, test_settings
from support.mutations import Scene
from support.upstreams import open_upstreams


@pytest.fixture
async def scene(sqlite: str, tmp_path: Path) -> AsyncIterator[Scene]:
    async with MailSink() as mail:
        settings = test_settings(
            sqlite, tmp_path, registration_enabled=True, smtp_url=mail.url, mail_from="monoize@example.com"
        )
        async with open_house(settings) as running, open_upstreams(running):
            yield Scene(running, mail)
