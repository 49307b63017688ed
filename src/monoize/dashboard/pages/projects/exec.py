"""/services/{id}/exec: one command beside what runs of a service, waited for; what it said, and how it ended."""

import shlex
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from monoize.base.errors import Refusal
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.projects.actions import running, services
from monoize.control.projects.actions.running import Dropped, Ended, LogLine, Told
from monoize.control.projects.api.here import EngineHere
from monoize.control.projects.api.running import ExecAsk
from monoize.control.projects.api.variables import Id
from monoize.control.projects.drivers.engine import readable
from monoize.dashboard.amounts import whole
from monoize.dashboard.forms import Form, checked, invalid, read_form
from monoize.dashboard.page import page_router
from monoize.dashboard.pages.projects.visit import Writer, service_ways
from monoize.dashboard.render import render

router = page_router()

WAITS_S_MOST: Final = 60
_CHARS_MOST: Final = 200_000
_EXPECTED: Final = {
    "command": "Use a program and its words, such as: ls -l /data",
    "replica": "Use the number of a replica, such as 0.",
    "timeout_s": f"Use seconds, {WAITS_S_MOST} at most.",
}


class Heard:
    """What a command said, as far as a page can show it."""

    def __init__(self) -> None:
        self.lines: list[LogLine] = []
        self.ended = Ended(None)
        self.dropped = 0
        self._chars = 0

    def tell(self, one: Told) -> None:
        match one:
            case LogLine():
                self._chars += len(one.line) + 1
                if self._chars <= _CHARS_MOST:
                    self.lines.append(one)
                else:
                    self.dropped += 1
            case Dropped():
                self.dropped += one.dropped
            case Ended():
                self.ended = one
            case _:
                pass


@router.get("/services/{service_id}/exec")
async def ask(service_id: Id, request: Request, house: HouseHere, person: Writer) -> Response:
    return await _page(request, house, service_id, Form({"timeout_s": "30"}))


@router.post("/services/{service_id}/exec")
async def run(service_id: Id, request: Request, house: HouseHere, engine: EngineHere, person: Writer) -> Response:
    form, heard = await read_form(request), Heard()
    try:
        body = checked(
            ExecAsk,
            _EXPECTED,
            command=_words(form.text("command")),
            replica=whole(form, "replica", _EXPECTED["replica"]),
            timeout_s=whole(form, "timeout_s", _EXPECTED["timeout_s"]) or 30,
        )
        if body.timeout_s > WAITS_S_MOST:
            raise invalid(timeout_s=_EXPECTED["timeout_s"])
        with readable():
            instance = await running.one_that_runs(house.database, engine, service_id, body.replica)
        async with house.audit_log.change(person.call) as change:
            running.tell_command(change, service_id, instance, body.command)
    except Refusal as refusal:
        return await _page(request, house, service_id, form.refused(refusal))
    await running.run_command(engine, instance, body.command, body.timeout_s, heard.tell)
    return await _page(request, house, service_id, form, heard)


def _words(command: str | None) -> list[str] | None:
    try:
        return shlex.split(command) if command else None
    except ValueError:
        raise invalid(command="A quotation mark is not closed.") from None


async def _page(
    request: Request, house: House, service_id: int, form: Form, heard: Heard | None = None
) -> Response:
    async with house.database.read() as tx:
        service = await services.get_service(tx, service_id)
    return render(
        request,
        "projects/exec.html",
        service=service,
        form=form,
        refusal=form.refusal,
        heard=heard,
        waits_s_most=WAITS_S_MOST,
        tabs=service_ways(service_id),
    )
