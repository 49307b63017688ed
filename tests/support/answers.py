"""What an answer says, in the form in which tests compare it."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import httpx2


def refusal(answer: httpx2.Response) -> tuple[int, str]:
    """(status, code) of a refusal; an answer that is none fails the test, showing what it is."""
    assert answer.is_error, answer.text
    return answer.status_code, answer.json()["code"]


def granted(answer: httpx2.Response) -> Any:
    """What a successful answer holds."""
    assert answer.is_success, answer.text
    return answer.json() if answer.content else None


async def together(*asked: Coroutine[Any, Any, httpx2.Response]) -> list[httpx2.Response]:
    """The answers to requests that are sent at the same moment."""
    return list(await asyncio.gather(*asked))
