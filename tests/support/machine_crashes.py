"""The crash matrix of machines: a real server killed (-9) at every step of making, restarting and destroying one.

A step is a call to the provider or a write to the database, and what can be lost lies before or after it. So it
dies before a call was carried out, after it was and before anybody heard, and before a write was committed: after
the one before it, that is. Each life of a machine has one of these moments, at the so-manyth call or write of each
act, until there are no more of them. The cloud lets two machines bear one name, so that nobody but us keeps them
single.
"""

import contextlib
import functools
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final, Literal, NamedTuple

import httpx2
from fakes.faults import Faults, Handler
from fakes.fly import APP, TOKEN, Fly
from fakes.fly import _error as fly_error
from starlette.requests import Request
from starlette.responses import Response

from monoize.control.compute.model.machines import AGENT_PORT
from support.forks import forks
from support.machine_house import ADMIN_TOKEN, House, check, free_port, until

Act = Literal["create", "restart", "destroy"]
Moment = Literal["before a call", "after a call", "before a write"]
ACTS: Final[tuple[Act, ...]] = ("create", "restart", "destroy")
MOMENTS: Final[tuple[Moment, ...]] = ("before a call", "after a call", "before a write")
STEPS_MOST: Final = 40
"""An act that has more of one kind does not end."""


class Kills(NamedTuple):
    """How often it was killed, by act and moment, and what came of it."""

    at: Counter[tuple[Act, Moment]]
    doubled: int
    orphaned: int


class Cloud(Fly):
    """On all its machines there is an agent that is well, on this computer."""

    def __init__(self, agent_host: str) -> None:
        super().__init__()
        self.made: Counter[str] = Counter()
        self._agent_host = agent_host

    def add(self, name: str, metadata: dict[str, str], state: str = "started") -> dict[str, Any]:
        self.made[name] += 1
        machine = super().add(name, metadata, state)
        machine["private_ip"] = f"::ffff:{self._agent_host}"
        return machine

    def named(self, name: str) -> list[dict[str, Any]]:
        """What it looks at before it lets somebody have a name."""
        return []

    def there(self, name: str) -> int:
        return sum(one["name"] == name and one["state"] != "destroyed" for one in self.machines.values())


class Deadly(Faults):
    """Kills the server at the so-manyth call. Lists and metrics of all machines, asked by a clock, do not count."""

    def __init__(self, house: House) -> None:
        super().__init__(fly_error)
        self._house = house
        self._left = 0
        self._moment: Moment = "before a call"

    def arm(self, at: int, moment: Moment) -> None:
        self._left, self._moment = at, moment

    async def answer(self, request: Request, handler: Handler) -> Response:
        is_one = not request.url.path.endswith("/machines") or "metadata.monoize_machine=" in str(request.url)
        is_counted = request.method != "GET" or (is_one and "prometheus" not in request.url.path)
        if self._left and is_counted:
            self._left -= 1
            if not self._left:
                if self._moment == "after a call":
                    await handler(request)
                self._house.kill()
                return fly_error(503, "unknown", "nobody hears this")
        return await handler(request)


def crash_matrix(folder: Path, *, every: int, say: Callable[[str], None]) -> Kills:
    """`every`: 1 for each step, 2 for every second one."""
    # Made by one thread, before others need it.
    forks()
    with ThreadPoolExecutor(len(MOMENTS)) as together:
        lives = [
            together.submit(_lives, folder / str(number), f"127.81.{number}.1", moment, every, say)
            for number, moment in enumerate(MOMENTS)
        ]
    found = [each.result() for each in lives]
    return Kills(
        functools.reduce(Counter.__add__, (each.at for each in found)),
        sum(each.doubled for each in found),
        sum(each.orphaned for each in found),
    )


def _lives(folder: Path, agent_host: str, moment: Moment, every: int, say: Callable[[str], None]) -> Kills:
    at: Counter[tuple[Act, Moment]] = Counter()
    with contextlib.ExitStack() as stack:
        stack.enter_context(_agents(agent_host))
        cloud = stack.enter_context(Cloud(agent_host))
        settings = {
            "MONOIZE_ADMIN_TOKEN": ADMIN_TOKEN,
            "MONOIZE_LOG_LEVEL": "error",
            "MONOIZE_PUBLIC_URL": "https://ai.example.com",
            "MONOIZE_EGRESS_ADDRESS": "proxy.example.com:3128",
            "MONOIZE_EGRESS_LISTEN": f"127.0.0.1:{free_port()}",
            "MONOIZE_FLY_API_TOKEN": TOKEN,
            "MONOIZE_FLY_APP_NAME": APP,
            "MONOIZE_FLY_API_URL": cloud.api_url,
            "MONOIZE_FLY_METRICS_URL": cloud.metrics_url,
        }
        house = stack.enter_context(House(folder, settings))
        deadly = cloud.faults = Deadly(house)
        user, preset = house.operator.user_on_plan("crash", "fly", "registry.example.com/agent:1")
        life = _Life(house, cloud, deadly, house.operator.agent(user), preset)
        # The first write is the wish itself: before that nothing has been asked for.
        first = 2 if moment == "before a write" else 1
        left = set(ACTS)
        for step in range(first, STEPS_MOST, every):
            # What one act does not have any more is done without a kill, to come to the next.
            for act in ACTS:
                was_killed = life.goes_through(act, step if act in left else 0, moment)
                if was_killed:
                    at[act, moment] += 1
                    say(f"{act}, killed {moment}, {step}: {life.machines()} at the provider")
                else:
                    left.discard(act)
            if not left:
                break
        check(not left, f"there is no end of {sorted(left)}")
        chain = house.operator.ask("GET", "/audit/verification")
        check(chain["problem"] is None, f"the audit log: {chain['problem']}")
        alive = [each for each in cloud.machines.values() if each["state"] != "destroyed"]
        orphans = house.operator.ask("GET", "/vpses/orphans")["items"]
        check(len(alive) == len(orphans), f"{len(alive)} machines are left at the provider")
        return Kills(at, sum(count - 1 for count in cloud.made.values()), len(orphans))


class _Life:
    """Of one machine after another, all for one agent."""

    def __init__(self, house: House, cloud: Cloud, deadly: Deadly, agent: str, preset: str) -> None:
        self._house, self._cloud, self._deadly = house, cloud, deadly
        self._agent, self._preset = agent, preset
        self._machine = ""

    def machines(self) -> int:
        return self._cloud.there(f"monoize-{self._machine}")

    def goes_through(self, act: Act, step: int, moment: Moment) -> bool:
        """Whether it was killed on the way; `step` 0: it is not to be."""
        if step and moment == "before a write":
            self._house.fuse.write_text(str(step))
        elif step:
            self._deadly.arm(step, moment)
        # It may die before its answer is out.
        with contextlib.suppress(httpx2.HTTPError):
            self._ask_for(act)
        until(lambda: self._house.is_dead or self._is_settled(act), f"the {act}")
        was_killed = self._house.is_dead
        self._deadly.arm(0, moment)
        self._house.fuse.unlink(missing_ok=True)
        if was_killed:
            self._house.comes_back()
            until(lambda: self._is_settled(act), f"the {act} after a kill {moment}, {step}")
        wanted = 0 if act == "destroy" else 1
        check(self.machines() == wanted, f"{self.machines()} machines after the {act} was killed {moment}, {step}")
        return was_killed

    def _ask_for(self, act: Act) -> None:
        operator = self._house.operator
        match act:
            case "create":
                operator.provision(self._agent, self._preset)
            case "restart":
                operator.ask("POST", f"/vpses/{self._machine}/restart")
            case "destroy":
                operator.ask("DELETE", f"/vpses/{self._machine}")

    def _is_settled(self, act: Act) -> bool:
        operator = self._house.operator
        try:
            if act == "create":
                self._machine = operator.ask("GET", f"/agents/{self._agent}")["vps_id"]
            operation = operator.newest_operation(self._machine)
            state = operator.machine(self._machine)["state"]
        except (httpx2.HTTPError, AssertionError):
            # It is dying just now.
            return False
        check(operation["state"] != "failed", f"the {act} failed: {operation['error']}")
        return bool(operation["state"] == "done" and state == ("destroyed" if act == "destroy" else "running"))


class _Well(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@contextlib.contextmanager
def _agents(host: str) -> Iterator[None]:
    with ThreadingHTTPServer((host, AGENT_PORT), _Well) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
