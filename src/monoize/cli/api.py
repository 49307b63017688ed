"""The control API over HTTP: a request goes in, parsed JSON comes out.

Every verb that talks to a server comes through here. Each request is bounded in time and size, and no redirect is
followed, because a credential goes only where it was meant to. What the server refuses becomes a `Failure` with
its detail, hint and request id; a server that cannot be reached, or is not Monoize, exits with `Exit.CANNOT`.
"""

import contextlib
import ipaddress
import json
import time
import uuid
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import click

from monoize import __version__
from monoize.cli.failure import Exit, Failure

if TYPE_CHECKING:
    import httpx2

CONNECT_S: Final = 5
SILENCE_S: Final = 60
STREAM_SILENCE_S: Final = 45
ANSWER_MOST_S: Final = 120
ANSWER_MOST_BYTES: Final = 16_777_216
RETRY_PAUSE_S: Final = 0.5
PAGE_MOST: Final = 200

Json = dict[str, Any]


class ConnectionLost(Failure):
    """The server may or may not have done what was asked."""


def server_address(url: str) -> str:
    """The address of a server in one spelling, so that two can be compared."""
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError as problem:
        raise click.UsageError(f"{url!r} is not an address: {problem}") from problem
    if parts.scheme not in ("http", "https") or not host:
        raise click.UsageError(f"{url!r} is not an address; write it as https://ai.example.com")
    if parts.username is not None or parts.query or parts.fragment:
        raise click.UsageError("the address of a server has no user name, query or fragment")
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}{f':{port}' if port else ''}{parts.path.rstrip('/')}"


def is_exposed(server: str) -> bool:
    """Whether others on the network could read what is sent there."""
    parts = urlsplit(server)
    host = parts.hostname or ""
    if parts.scheme == "https" or host == "localhost":
        return False
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return True


class Api:
    def __init__(self, server: str, token: str | None = None) -> None:
        import httpx2

        headers = {"user-agent": f"monoize-cli/{__version__}", "accept-encoding": "identity"}
        if token:
            headers["authorization"] = f"Bearer {token}"
        self.server = server
        leaves = is_exposed(server) or server.startswith("https:")
        try:
            self._http = httpx2.Client(
                base_url=server,
                headers=headers,
                timeout=httpx2.Timeout(SILENCE_S, connect=CONNECT_S),
                # Plain HTTP stays on this machine: a proxy from the environment would read the credential.
                trust_env=leaves,
                # Reading whom to believe takes a twentieth of a second, and without TLS nobody asks.
                verify=leaves,
            )
        except httpx2.InvalidURL as problem:
            raise click.UsageError(f"{server!r} is not an address: {problem}") from problem

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        wanted = {name: value for name, value in (params or {}).items() if value is not None}
        return self._request("GET", path, params=wanted)

    def post(self, path: str, body: Json | None = None) -> Any:
        return self._request("POST", path, body=body)

    def create(self, path: str, body: Json) -> Any:
        """A POST that makes one thing, also when its answer is lost once and it has to be sent again."""
        key = str(uuid.uuid4())
        try:
            return self._request("POST", path, body=body, idempotency_key=key)
        except ConnectionLost:
            time.sleep(RETRY_PAUSE_S)
            return self._request("POST", path, body=body, idempotency_key=key)

    def patch(self, path: str, body: Json) -> Any:
        return self._request("PATCH", path, body=body)

    def put(self, path: str, body: Json) -> Any:
        return self._request("PUT", path, body=body)

    def delete(self, path: str) -> Any:
        """None, unless there is something to tell of how it goes."""
        return self._request("DELETE", path)

    def remove(self, path: str, body: Json) -> Any:
        """A DELETE that is confirmed, and that takes its time: the answer says where to look."""
        return self._request("DELETE", path, body=body)

    def pages(self, path: str, params: Mapping[str, Any], *, limit: int) -> Iterator[Json]:
        """The pages of a list until it ends or `limit` items were seen."""
        seen, cursor = 0, None
        while seen < limit:
            page = self.get(path, {**params, "limit": min(limit - seen, PAGE_MOST), "cursor": cursor})
            yield page
            seen, cursor = seen + len(page["items"]), page["next_cursor"]
            if cursor is None or not page["items"]:
                return

    def items(self, path: str, params: Mapping[str, Any], *, limit: int) -> Iterator[Json]:
        for page in self.pages(path, params, limit=limit):
            yield from page["items"]

    def listing(self, path: str, params: Mapping[str, Any], *, limit: int) -> Json:
        """Up to `limit` items as one page; its `next_cursor` is null when those are all."""
        together: Json = {"items": [], "next_cursor": None}
        for page in self.pages(path, params, limit=limit):
            together = {**page, "items": together["items"] + page["items"]}
        return together

    def table(self, path: str, params: Mapping[str, Any]) -> Iterator[bytes]:
        """A table for spreadsheets, of any size, as it comes. ConnectionLost also when it ends before its time."""
        wanted = {name: value for name, value in params.items() if value is not None}
        with self._told_apart("GET"), self._http.stream("GET", path, params=wanted) as answer:
            if not answer.headers.get("content-type", "").startswith("text/csv"):
                self._parsed(answer, self._content(answer))
                raise self._not_monoize("no table")
            yield from answer.iter_bytes()

    def events(
        self, path: str, params: Mapping[str, Any], *, body: Json | None = None
    ) -> Iterator[tuple[str, Any]]:
        """(name, data) of each event of a stream, until it ends. ConnectionLost also when it falls silent.

        With a body it is a POST, which does what the stream then tells of.
        """
        import httpx2

        method = "GET" if body is None else "POST"

        wanted = {name: value for name, value in params.items() if value is not None}
        timeout = httpx2.Timeout(STREAM_SILENCE_S, connect=CONNECT_S)
        asked = self._http.stream(method, path, params=wanted, json=body, timeout=timeout)
        with self._told_apart(method), asked as answer:
            if not answer.headers.get("content-type", "").startswith("text/event-stream"):
                self._parsed(answer, self._content(answer))
                raise self._not_monoize("no stream of events")
            rest = b""
            for chunk in answer.iter_bytes():
                *frames, rest = (rest + chunk).split(b"\n\n")
                if len(rest) > ANSWER_MOST_BYTES:
                    raise Failure(f"an event is larger than {ANSWER_MOST_BYTES} bytes", exit=Exit.CANNOT)
                for frame in frames:
                    told = dict(line.split(b": ", 1) for line in frame.split(b"\n") if not line.startswith(b":"))
                    if b"event" in told and b"data" in told:
                        yield told[b"event"].decode(), json.loads(told[b"data"])

    def _request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Json | None = None,
        idempotency_key: str | None = None,
    ) -> Any:
        headers = {"idempotency-key": idempotency_key} if idempotency_key else {}
        with (
            self._told_apart(method),
            self._http.stream(method, path, params=params, json=body, headers=headers) as answer,
        ):
            content = self._content(answer)
        return self._parsed(answer, content)

    @contextlib.contextmanager
    def _told_apart(self, method: str) -> Iterator[None]:
        """What can go wrong on the way, as people are told it."""
        import httpx2

        try:
            yield
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError) as problem:
            raise Failure(
                f"cannot reach {self.server}: {problem}",
                exit=Exit.CANNOT,
                hint="Check the address, and that `monoize serve` runs there.",
            ) from problem
        except (httpx2.NetworkError, httpx2.RemoteProtocolError, httpx2.TimeoutException) as problem:
            raise ConnectionLost(
                f"the connection to {self.server} was lost: {str(problem) or type(problem).__name__}",
                exit=Exit.CANNOT,
                hint="Look whether the change was made before you repeat it." if method != "GET" else None,
            ) from problem
        except httpx2.RequestError as problem:
            raise self._not_monoize(str(problem)) from problem
        except UnicodeEncodeError:
            raise click.UsageError("the arguments are not valid UTF-8") from None

    def _content(self, answer: "httpx2.Response") -> bytes:
        content, until = bytearray(), time.monotonic() + ANSWER_MOST_S
        for chunk in answer.iter_bytes():
            content += chunk
            if len(content) > ANSWER_MOST_BYTES:
                raise Failure(f"the answer is larger than {ANSWER_MOST_BYTES} bytes", exit=Exit.CANNOT)
            if time.monotonic() > until:
                raise Failure(f"the answer took longer than {ANSWER_MOST_S} seconds", exit=Exit.CANNOT)
        return bytes(content)

    def _parsed(self, answer: "httpx2.Response", content: bytes) -> Any:
        if answer.status_code == 204:
            return None
        if answer.is_redirect:
            raise self._not_monoize(f"it sends us to {answer.headers['location']}; if that is right, use that")
        try:
            parsed = json.loads(content)
        except ValueError as problem:
            raise self._not_monoize(f"HTTP {answer.status_code} without JSON") from problem
        if answer.is_success:
            return parsed
        if not isinstance(parsed, dict) or "code" not in parsed or "detail" not in parsed:
            raise self._not_monoize(f"HTTP {answer.status_code} in a shape of its own")
        raise refusal(answer.status_code, parsed)

    def _not_monoize(self, reason: str) -> Failure:
        return Failure(
            f"{self.server} does not answer as Monoize does: {reason}", exit=Exit.CANNOT, hint="Check the address."
        )


def refusal(status: int, problem: Json) -> Failure:
    """A problem document (RFC 9457) as a Failure."""
    lines = [
        f"{error['pointer'].removeprefix('/body/')}: {error['message']}" for error in problem.get("errors", ())
    ]
    hint = None if lines else problem.get("hint")
    if "retry_after_s" in problem:
        hint = f"Try again in {problem['retry_after_s']} seconds."
    return Failure(
        problem["detail"],
        exit=Exit.CANNOT if status == 401 or status >= 500 else Exit.NO,
        hint=hint,
        code=problem["code"],
        request_id=problem.get("request_id"),
        lines=lines,
    )
