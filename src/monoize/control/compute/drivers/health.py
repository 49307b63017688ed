"""Whether an agent answers on its machine: any answer to a request will do that is not a failure of its own."""

from typing import Final

import httpx2

TIMEOUT_S: Final = 3.0
_PATH: Final = "/health"
_SERVER_FAULT: Final = 500


async def ask(address: str) -> str | None:
    """None if it is well, else what is wrong with it."""
    try:
        async with (
            httpx2.AsyncClient(timeout=TIMEOUT_S, trust_env=False, verify=False) as client,
            client.stream("GET", f"http://{address}{_PATH}") as answer,
        ):
            if answer.status_code < _SERVER_FAULT:
                return None
            return f"its agent answers with HTTP {answer.status_code}"
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as problem:
        return f"its agent does not answer ({type(problem).__name__})"
