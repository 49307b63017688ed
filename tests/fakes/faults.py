"""What goes wrong at a provider's API, and when: faults that a test puts in the way of the next calls."""

import collections
import dataclasses
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

Handler = Callable[[Request], Awaitable[Response]]
Error = Callable[[int, str, str], Response]
"""How this provider says an error: status, code, message."""


@dataclasses.dataclass(frozen=True, slots=True)
class Fault:
    """For the next call whose `METHOD /path` matches. `done`: it is carried out, and only its answer is bad."""

    calls: str
    status: int = 500
    code: str = "server_error"
    message: str = "something went wrong"
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    done: bool = False
    cut: bool = False
    """The connection breaks off in the middle of the answer."""
    body: object = None
    """Said instead of an error."""


class Faults:
    def __init__(self, error: Error) -> None:
        self._error = error
        self._waiting: collections.deque[Fault] = collections.deque()

    def add(self, calls: str, times: int = 1, **how: object) -> None:
        self._waiting.extend([Fault(calls, **how)] * times)  # type: ignore[arg-type]

    @property
    def are_used_up(self) -> bool:
        return not self._waiting

    async def answer(self, request: Request, handler: Handler) -> Response:
        said = f"{request.method} {request.url.path}"
        fault = next((one for one in self._waiting if re.search(one.calls, said)), None)
        if fault is None:
            return await handler(request)
        self._waiting.remove(fault)
        if fault.done:
            await handler(request)
        if fault.cut:
            return StreamingResponse(_cut(), headers={"content-length": "1000", "content-type": "application/json"})
        if fault.body is not None:
            return JSONResponse(fault.body)
        answer = self._error(fault.status, fault.code, fault.message)
        answer.headers.update(fault.headers)
        return answer


async def _cut() -> AsyncIterator[bytes]:
    yield b"{"
    raise ConnectionAbortedError
