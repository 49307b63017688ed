"""A Docker-compatible engine over its HTTP API: what rooms that run containers say to it, and nothing of what for.

Calls are bounded in time and in size. Answers come as the engine gave them (mappings of JSON), streams as they
arrive. The version spoken is the newest that both sides know, asked for once. Closing a stream ends what it was
about: a pull, a build, a follow. Failures are `EngineGone` (it cannot be reached, or broke off: nothing is known
about what it did) and `EngineRefused` (it answered, and why), of which `NotThere` and `InTheWay` are the two that
callers decide by.
"""

import base64
import contextlib
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, Self

import httpx2

from monoize.infra.docker_streams import Line, Lines, objects

OLDEST: Final = (1, 40)
NEWEST: Final = (1, 47)
ANSWER_BYTES_MOST: Final = 32 * 1024 * 1024
CALL_S: Final = 30.0
CONNECT_S: Final = 5.0
# A stopping container may take its grace, and the engine a while more.
GRACE_EXTRA_S: Final = 30.0
_CALLS_AT_ONCE: Final = 64
_STREAMS_AT_ONCE: Final = 256
_IMAGE: Final = re.compile("[a-zA-Z0-9][a-zA-Z0-9_./:@-]{0,510}")
_NAME: Final = re.compile("[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}")

Params = Mapping[str, str | int | bool]
_NONE: Final[Mapping[str, Any]] = {}


class DockerError(Exception):
    """Something about the engine; which of the two it is decides what is known."""


class EngineGone(DockerError):
    """It cannot be reached, broke off or took too long: what it did is not known."""


class EngineRefused(DockerError):
    """It answered that it will not, and why."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class NotThere(EngineRefused):
    """There is no such container, image, network or volume."""


class InTheWay(EngineRefused):
    """The name is taken, or the state of the thing does not allow it."""


class PortInUse(EngineRefused):
    """A port of the machine that a container asks for is another's."""


class Docker:
    """One engine; `async with Docker(url)` or `close()` gives its connections back."""

    def __init__(self, url: str) -> None:
        self.url = url
        base, socket = _address(url)
        patience = httpx2.Timeout(CALL_S, connect=CONNECT_S, pool=CONNECT_S)
        self._calls = _client(base, socket, _CALLS_AT_ONCE, patience)
        # What a stream says comes when it comes; whoever reads one bounds it.
        self._streams = _client(
            base, socket, _STREAMS_AT_ONCE, httpx2.Timeout(CALL_S, connect=CONNECT_S, pool=CONNECT_S, read=None)
        )
        self._version: str | None = None
        self._has_init: bool | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._calls.aclose()
        await self._streams.aclose()

    # The engine itself

    async def version(self) -> Mapping[str, Any]:
        """What it is: `Version`, `ApiVersion`, `Arch`, …"""
        return _object(await self._ask("GET", "/version", versioned=False))

    async def info(self) -> Mapping[str, Any]:
        return _object(await self._ask("GET", "/info"))

    async def has_init(self) -> bool:
        """Whether it can put an init before the programs of containers (`HostConfig.Init`). Asked for once."""
        if self._has_init is None:
            self._has_init = tells_of_init(await self.info())
        return self._has_init

    async def check_login(self, server: str, username: str, password: str) -> None:
        """Ask a registry whether it takes this; EngineRefused says what it answered."""
        body = {"serveraddress": server, "username": username, "password": password}
        await self._ask("POST", "/auth", body=body)

    def events(
        self, filters: Mapping[str, Sequence[str]] = _NONE, *, since: float | None = None
    ) -> AsyncGenerator[Mapping[str, Any], None]:
        """What happens from now on (or since an instant), without an end."""
        params: dict[str, str | int | bool] = {"filters": _filters(filters)}
        if since is not None:
            params["since"] = f"{since:.9f}"
        return self._objects("GET", "/events", params)

    # Containers

    async def containers(
        self, filters: Mapping[str, Sequence[str]] = _NONE, *, all: bool = True
    ) -> Sequence[Mapping[str, Any]]:
        return _list(await self._ask("GET", "/containers/json", {"all": all, "filters": _filters(filters)}))

    async def create_container(self, name: str, config: Mapping[str, Any]) -> str:
        """Its id. InTheWay: the name is taken. NotThere: the image is not here."""
        made = _object(await self._ask("POST", "/containers/create", {"name": _named(name)}, body=config))
        return str(made["Id"])

    async def inspect_container(self, ref: str) -> Mapping[str, Any]:
        return _object(await self._ask("GET", f"/containers/{_named(ref)}/json"))

    async def start_container(self, ref: str) -> None:
        await self._ask("POST", f"/containers/{_named(ref)}/start")

    async def stop_container(self, ref: str, grace_s: int = 10) -> None:
        """Ask it to end, and end it after the grace. Stopping what is stopped is no failure."""
        params = {"t": grace_s}
        await self._ask("POST", f"/containers/{_named(ref)}/stop", params, within_s=grace_s + GRACE_EXTRA_S)

    async def restart_container(self, ref: str, grace_s: int = 10) -> None:
        params = {"t": grace_s}
        await self._ask("POST", f"/containers/{_named(ref)}/restart", params, within_s=grace_s + GRACE_EXTRA_S)

    async def remove_container(self, ref: str, *, force: bool = False, volumes: bool = False) -> None:
        """`volumes` takes the nameless ones with it; named ones stay."""
        await self._ask("DELETE", f"/containers/{_named(ref)}", {"force": force, "v": volumes})

    async def wait_container(self, ref: str, *, within_s: float) -> int:
        """The code it ended with; EngineGone when it has not ended within the time."""
        ended = await self._ask("POST", f"/containers/{_named(ref)}/wait", within_s=within_s)
        return int(_object(ended)["StatusCode"])

    async def stats(self, ref: str) -> Mapping[str, Any]:
        """One sample of its cumulative counters, at once."""
        params = {"stream": False, "one-shot": True}
        return _object(await self._ask("GET", f"/containers/{_named(ref)}/stats", params))

    def follow_stats(self, ref: str) -> AsyncGenerator[Mapping[str, Any], None]:
        """A sample about each second, as long as it runs."""
        return self._objects("GET", f"/containers/{_named(ref)}/stats", {"stream": True})

    async def logs(
        self, ref: str, *, tail: int | None = None, since: float | None = None, follow: bool = False
    ) -> AsyncGenerator[Line, None]:
        """Its lines, oldest first, each with its stream and its time; for containers without a terminal."""
        params: dict[str, str | int | bool] = {
            "stdout": True,
            "stderr": True,
            "timestamps": True,
            "follow": follow,
            "tail": "all" if tail is None else tail,
        }
        if since is not None:
            params["since"] = f"{since:.9f}"
        lines = Lines(stamped=True)
        async with contextlib.aclosing(self._bytes("GET", f"/containers/{_named(ref)}/logs", params)) as chunks:
            async for chunk in chunks:
                for line in lines.feed(chunk):
                    yield line
        for line in lines.end():
            yield line

    async def put_archive(self, ref: str, folder: str, tar: bytes) -> None:
        """Unpack a tar archive in a folder of the container."""
        params = {"path": folder}
        await self._ask("PUT", f"/containers/{_named(ref)}/archive", params, content=tar, kind="application/x-tar")

    # Commands in containers

    async def create_exec(self, ref: str, argv: Sequence[str], config: Mapping[str, Any] = _NONE) -> str:
        body = {"AttachStdout": True, "AttachStderr": True, "Cmd": list(argv), **config}
        return str(_object(await self._ask("POST", f"/containers/{_named(ref)}/exec", body=body))["Id"])

    async def run_exec(self, exec_id: str) -> AsyncGenerator[Line, None]:
        """What the command says, until it ends."""
        lines = Lines(stamped=False)
        body = {"Detach": False, "Tty": False}
        async with contextlib.aclosing(self._bytes("POST", f"/exec/{_named(exec_id)}/start", body=body)) as chunks:
            async for chunk in chunks:
                for line in lines.feed(chunk):
                    yield line
        for line in lines.end():
            yield line

    async def inspect_exec(self, exec_id: str) -> Mapping[str, Any]:
        """`Running`, `ExitCode`, `Pid`."""
        return _object(await self._ask("GET", f"/exec/{_named(exec_id)}/json"))

    # Images

    async def pull(
        self, image: str, *, login: Mapping[str, str] | None = None
    ) -> AsyncGenerator[Mapping[str, Any], None]:
        """Fetch an image, telling how it goes. A refusal comes within a 200: it is raised as EngineRefused."""
        name, tag = split_reference(image)
        headers = {"x-registry-auth": _told_to_registry(login)} if login else {}
        said = self._objects("POST", "/images/create", {"fromImage": name, "tag": tag}, headers=headers)
        async with contextlib.aclosing(said) as steps:
            async for step in steps:
                _refused_within(step)
                yield step

    async def build(
        self, context: AsyncIterator[bytes], params: Params, *, build_args: Mapping[str, str] = _NONE
    ) -> AsyncGenerator[Mapping[str, Any], None]:
        """Build an image from a tar archive of its context, telling what it says (classic build)."""
        asked = {**params, "version": "1", "buildargs": json.dumps(dict(build_args))}
        headers = {"content-type": "application/x-tar"}
        said = self._objects("POST", "/build", asked, headers=headers, content=context)
        async with contextlib.aclosing(said) as steps:
            async for step in steps:
                _refused_within(step)
                yield step

    async def import_image(self, tar: bytes, repo: str, tag: str, changes: Sequence[str] = ()) -> None:
        """Make an image of one layer from a file system in a tar archive."""
        params = httpx2.QueryParams(
            [("fromSrc", "-"), ("repo", repo), ("tag", tag), *(("changes", one) for one in changes)]
        )
        await self._ask("POST", "/images/create", params, content=tar, kind="application/x-tar", within_s=120)

    async def images(self, filters: Mapping[str, Sequence[str]] = _NONE) -> Sequence[Mapping[str, Any]]:
        return _list(await self._ask("GET", "/images/json", {"filters": _filters(filters)}))

    async def inspect_image(self, ref: str) -> Mapping[str, Any]:
        return _object(await self._ask("GET", f"/images/{_image(ref)}/json"))

    async def tag_image(self, ref: str, repo: str, tag: str) -> None:
        await self._ask("POST", f"/images/{_image(ref)}/tag", {"repo": repo, "tag": tag})

    async def remove_image(self, ref: str, *, force: bool = False) -> None:
        """Take one name from an image; the last one takes the image with it."""
        await self._ask("DELETE", f"/images/{_image(ref)}", {"force": force})

    # Networks

    async def networks(self, filters: Mapping[str, Sequence[str]] = _NONE) -> Sequence[Mapping[str, Any]]:
        return _list(await self._ask("GET", "/networks", {"filters": _filters(filters)}))

    async def create_network(self, name: str, config: Mapping[str, Any] = _NONE) -> str:
        """Its id. InTheWay: the name is taken."""
        body = {"Name": _named(name), "CheckDuplicate": True, "Driver": "bridge", **config}
        return str(_object(await self._ask("POST", "/networks/create", body=body))["Id"])

    async def inspect_network(self, ref: str) -> Mapping[str, Any]:
        return _object(await self._ask("GET", f"/networks/{_named(ref)}"))

    async def remove_network(self, ref: str) -> None:
        await self._ask("DELETE", f"/networks/{_named(ref)}")

    # Volumes

    async def volumes(self, filters: Mapping[str, Sequence[str]] = _NONE) -> Sequence[Mapping[str, Any]]:
        return _object(await self._ask("GET", "/volumes", {"filters": _filters(filters)})).get("Volumes") or []

    async def create_volume(self, name: str, labels: Mapping[str, str]) -> Mapping[str, Any]:
        """Creating one that is there answers with the one that is there, whatever its labels are."""
        body = {"Name": _named(name), "Labels": dict(labels)}
        return _object(await self._ask("POST", "/volumes/create", body=body))

    async def remove_volume(self, name: str) -> None:
        await self._ask("DELETE", f"/volumes/{_named(name)}")

    # How it is said

    async def _ask(
        self,
        method: str,
        path: str,
        params: Params | httpx2.QueryParams = _NONE,
        *,
        body: Mapping[str, Any] | None = None,
        content: bytes | None = None,
        kind: str = "application/json",
        within_s: float = CALL_S,
        versioned: bool = True,
    ) -> Any:
        if body is not None:
            content = json.dumps(body).encode()
        headers = {"content-type": kind} if content is not None else {}
        url = f"/v{await self._spoken()}{path}" if versioned else path
        patience = httpx2.Timeout(within_s, connect=CONNECT_S, pool=CONNECT_S)
        with _told_apart():
            async with self._calls.stream(
                method, url, params=_said(params), content=content, headers=headers, timeout=patience
            ) as answer:
                said = await _read(answer)
        if answer.is_error:
            raise _refusal(answer.status_code, said)
        try:
            return json.loads(said) if said.strip() else None
        except ValueError:
            raise EngineGone("its answer is not JSON") from None

    async def _bytes(
        self,
        method: str,
        path: str,
        params: Params = _NONE,
        *,
        headers: Mapping[str, str] = _NONE,
        body: Mapping[str, Any] | None = None,
        content: AsyncIterator[bytes] | None = None,
    ) -> AsyncGenerator[bytes, None]:
        told = dict(headers)
        if body is not None:
            told["content-type"] = "application/json"
        url = f"/v{await self._spoken()}{path}"
        said = content if body is None else json.dumps(body).encode()
        with _told_apart():
            async with self._streams.stream(
                method, url, params=_said(params), headers=told, content=said
            ) as answer:
                if answer.is_error:
                    raise _refusal(answer.status_code, await _read(answer))
                async for chunk in answer.aiter_raw():
                    yield chunk

    async def _objects(
        self,
        method: str,
        path: str,
        params: Params,
        *,
        headers: Mapping[str, str] = _NONE,
        content: AsyncIterator[bytes] | None = None,
    ) -> AsyncGenerator[Mapping[str, Any], None]:
        said = self._bytes(method, path, params, headers=headers, content=content)
        async with contextlib.aclosing(said) as chunks, contextlib.aclosing(objects(chunks)) as told:
            async for one in told:
                yield one

    async def _spoken(self) -> str:
        if self._version is None:
            told = await self.version()
            self._version = agreed(str(told.get("ApiVersion")), str(told.get("MinAPIVersion") or "1.12"))
        return self._version


def agreed(theirs: str, their_oldest: str) -> str:
    """The newest version of the API that both sides know."""
    newest, oldest = min(NEWEST, _number(theirs)), max(OLDEST, _number(their_oldest))
    if newest < oldest:
        raise EngineRefused(
            HTTPStatus.BAD_REQUEST,
            f"the engine speaks API {their_oldest} to {theirs}; {'.'.join(map(str, OLDEST))} is the least needed",
        )
    return ".".join(map(str, newest))


def tells_of_init(info: Mapping[str, Any]) -> bool:
    """An engine names its init also when that is not installed, and then fails to start containers with it: what
    tells is that it could not be asked for its version."""
    return bool(info.get("InitBinary")) and (info.get("InitCommit") or {}).get("ID") != "N/A"


def split_reference(image: str) -> tuple[str, str]:
    """(name, tag or digest) of an image; without either, `latest`: the engine would fetch every tag."""
    name, at, digest = image.partition("@")
    if at:
        head, _, _ = name.rpartition(":") if ":" in name.rsplit("/", 1)[-1] else (name, "", "")
        return head, digest
    head, colon, tag = name.rpartition(":")
    return (head, tag) if colon and "/" not in tag else (name, "latest")


def _number(version: str) -> tuple[int, int]:
    major, _, minor = version.partition(".")
    if not (major.isdigit() and minor.isdigit()):
        raise EngineGone("it does not say which version of the API it speaks")
    return int(major), int(minor)


def _address(url: str) -> tuple[str, str | None]:
    scheme, _, rest = url.partition("://")
    match scheme:
        case "unix" if rest.startswith("/"):
            return "http://engine", rest
        case "tcp" | "http" if rest:
            return f"http://{rest.rstrip('/')}", None
        case "https" if rest:
            return url.rstrip("/"), None
    raise ValueError("an engine is at unix:///path, tcp://host:port, http://… or https://…")


def _client(base: str, socket: str | None, at_once: int, patience: httpx2.Timeout) -> httpx2.AsyncClient:
    limits = httpx2.Limits(max_connections=at_once, max_keepalive_connections=8, keepalive_expiry=30)
    # Reading the authorities takes 50 ms, and only https has a use for them.
    verify = base.startswith("https:")
    transport = httpx2.AsyncHTTPTransport(verify=verify, uds=socket, limits=limits, trust_env=False)
    return httpx2.AsyncClient(base_url=base, transport=transport, timeout=patience, trust_env=False)


@contextlib.contextmanager
def _told_apart() -> Iterator[None]:
    """What the HTTP client raises, in the two words that callers decide by."""
    try:
        yield
    except (httpx2.HTTPError, httpx2.StreamError, OSError) as problem:
        raise EngineGone(f"{type(problem).__name__}: {problem}") from problem


async def _read(answer: httpx2.Response) -> bytes:
    said = bytearray()
    async for chunk in answer.aiter_bytes():
        said += chunk
        if len(said) > ANSWER_BYTES_MOST:
            raise EngineGone("its answer is too large")
    return bytes(said)


def _refusal(status: int, said: bytes) -> EngineRefused:
    try:
        told = json.loads(said)
        message = str(told["message"])
    except (ValueError, KeyError, TypeError):
        message = said.decode("utf-8", "replace")
    message = message.strip()[:2_000] or f"HTTP {status}"
    match status:
        case HTTPStatus.NOT_FOUND:
            return NotThere(status, message)
        case HTTPStatus.CONFLICT:
            return InTheWay(status, message)
    # The engine has no status of its own for it, and two ways of saying it: another program's, another container's.
    if "address already in use" in message or "port is already allocated" in message:
        return PortInUse(status, message)
    return EngineRefused(status, message)


def _refused_within(step: Mapping[str, Any]) -> None:
    if "errorDetail" in step or "error" in step:
        detail = step.get("errorDetail") or {}
        message = str(detail.get("message") or step.get("error") or "it failed without saying why")
        raise EngineRefused(int(detail.get("code") or HTTPStatus.BAD_REQUEST), message.strip()[:2_000])


def _said(params: Params | httpx2.QueryParams) -> httpx2.QueryParams:
    if isinstance(params, httpx2.QueryParams):
        return params
    return httpx2.QueryParams(
        {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in params.items()}
    )


def _filters(filters: Mapping[str, Iterable[str]]) -> str:
    return json.dumps({name: list(values) for name, values in filters.items()})


def _told_to_registry(login: Mapping[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(dict(login)).encode()).decode()


def _named(name: str) -> str:
    """A name or an id; it goes into an address, so it must be nothing else."""
    if not _NAME.fullmatch(name):
        raise EngineRefused(HTTPStatus.BAD_REQUEST, "that is no name of a container, network or volume")
    return name


def _image(ref: str) -> str:
    """A name, an id or a digest of an image, which goes into an address as well."""
    if _IMAGE.fullmatch(ref) and "//" not in ref and ".." not in ref:
        return ref
    raise EngineRefused(HTTPStatus.BAD_REQUEST, "that is no name of an image")


def _object(said: Any) -> Mapping[str, Any]:
    if not isinstance(said, Mapping):
        raise EngineGone("its answer is not an object")
    return said


def _list(said: Any) -> Sequence[Mapping[str, Any]]:
    if not isinstance(said, list):
        raise EngineGone("its answer is not a list")
    return said
