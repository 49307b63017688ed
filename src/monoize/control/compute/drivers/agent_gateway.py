"""The gateway that an agent has on its machine: HTTP and WebSockets, opened with the agent's own token.

Neither the token nor the address reaches whoever is served. Fails with AgentUnreachable; all waits are bounded.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import httpx2

from monoize.base.ids import new_id
from monoize.control.compute.errors import AgentRefused, AgentUnreachable
from monoize.control.compute.model.gateway import rpc

if TYPE_CHECKING:
    # Loaded with the first connection, which a start need not pay for.
    from websockets.asyncio.client import ClientConnection

CONNECT_S: Final = 5.0
SILENCE_S: Final = 300.0
RPC_S: Final = 30.0
HEALTH_S: Final = 5.0
MESSAGE_BYTES_MOST: Final = 16 * 2**20
MESSAGES_WAITED_FOR_MOST: Final = 1_000
CONNECTIONS_MOST: Final = 500


class Place(NamedTuple):
    """Where an agent's gateway is, and what opens it."""

    machine_id: str
    address: str
    token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"}


class AgentGateways:
    def __init__(self) -> None:
        self._client = httpx2.AsyncClient(
            timeout=httpx2.Timeout(SILENCE_S, connect=CONNECT_S),
            limits=httpx2.Limits(max_connections=CONNECTIONS_MOST, max_keepalive_connections=20),
            trust_env=False,
            # Reading the authorities takes 50 ms of every start, and these addresses are plain HTTP.
            verify=False,
            follow_redirects=False,
        )

    @contextlib.asynccontextmanager
    async def ask(
        self, place: Place, method: str, path: str, query: str, headers: Sequence[tuple[str, str]], body: bytes
    ) -> AsyncIterator[httpx2.Response]:
        """Its answer, whose body is still to be read."""
        url = f"http://{place.address}{path}" + (f"?{query}" if query else "")
        sent = [*headers, *place.headers.items()]
        try:
            async with self._client.stream(method, url, headers=sent, content=body) as answer:
                yield answer
        except (httpx2.HTTPError, httpx2.InvalidURL) as problem:
            raise AgentUnreachable(f"The agent does not answer: {type(problem).__name__}.") from problem

    @contextlib.asynccontextmanager
    async def socket(
        self, place: Place, path: str, query: str, protocols: Sequence[str] = ()
    ) -> "AsyncIterator[ClientConnection]":
        from websockets.asyncio.client import connect
        from websockets.exceptions import WebSocketException

        url = f"ws://{place.address}{path}" + (f"?{query}" if query else "")
        try:
            opened = await connect(
                url,
                additional_headers=place.headers,
                subprotocols=[*protocols] or None,  # type: ignore[list-item]
                open_timeout=CONNECT_S,
                max_size=MESSAGE_BYTES_MOST,
                compression=None,
                proxy=None,
            )
        except (OSError, WebSocketException) as problem:
            raise AgentUnreachable(f"The agent opens no WebSocket: {type(problem).__name__}.") from problem
        async with opened:
            yield opened

    async def call(self, place: Place, method: str, params: Mapping[str, Any]) -> Any:
        """One call of RPC; AgentRefused with what the agent says."""
        from websockets.exceptions import WebSocketException

        id = new_id()
        try:
            async with asyncio.timeout(RPC_S), self.socket(place, "/", "") as socket:
                await socket.send(rpc(id, method, params))
                for _ in range(MESSAGES_WAITED_FOR_MOST):
                    told = _object(await socket.recv())
                    if told.get("id") == id:
                        return _result(told)
        except (TimeoutError, WebSocketException) as problem:
            raise AgentUnreachable(f"The agent does not answer: {type(problem).__name__}.") from problem
        raise AgentUnreachable("The agent speaks of something else.")

    async def health(self, place: Place) -> tuple[bool, str]:
        """Whether it is well, and what it says."""
        try:
            async with asyncio.timeout(HEALTH_S), self.ask(place, "GET", "/health", "", [], b"") as answer:
                return answer.is_success, f"HTTP {answer.status_code}"
        except TimeoutError:
            return False, "no answer in time"
        except AgentUnreachable as problem:
            return False, problem.message

    async def close(self) -> None:
        await self._client.aclose()


def _object(message: str | bytes) -> Mapping[str, Any]:
    try:
        read = json.loads(message)
    except (ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}


def _result(told: Mapping[str, Any]) -> Any:
    problem = told.get("error")
    if problem is not None:
        said = problem.get("message") if isinstance(problem, dict) else problem
        raise AgentRefused(f"The agent refused: {str(said)[:500]}")
    return told.get("result")
