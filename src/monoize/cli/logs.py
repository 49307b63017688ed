"""`monoize logs` and `monoize exec`: what a service says, and a command run beside it."""

import sys
from typing import Final

import click

from monoize.cli import find, show
from monoize.cli.api import ConnectionLost, Json
from monoize.cli.failure import Exit, Failure
from monoize.cli.invocation import Invocation
from monoize.cli.services import service_argument
from monoize.cli.verb import RemoteVerb

TAIL_MOST: Final = 1_000
EXEC_S_MOST: Final = 3_600

replica_option = click.option("--replica", type=click.IntRange(0), help="Only this one.")


@click.command("logs", cls=RemoteVerb)
@service_argument
@click.option("--tail", type=click.IntRange(1, TAIL_MOST), default=100, show_default=True, help="So many lines.")
@click.option("--follow", "-f", is_flag=True, help="Go on with what it says from now on, until Ctrl-C.")
@replica_option
@click.pass_obj
def logs(invocation: Invocation, service: str, tail: int, follow: bool, replica: int | None) -> None:
    """Print what a service says. With --json each line is an object with ts, stream, line and replica."""
    path = f"/api/services/{find.service_id(invocation.api, service)}/logs"
    wanted = {"tail": tail, "replica": replica}
    if not follow:
        for line in invocation.api.get(path, wanted)["lines"]:
            _told(invocation, line)
        return
    for event, data in invocation.api.events(f"{path}/stream", wanted):
        if event == "dropped":
            show.said(f"({data['dropped']} lines came faster than they could be shown)")
        else:
            _told(invocation, data)


@click.command("exec", cls=RemoteVerb, context_settings={"ignore_unknown_options": True})
@service_argument
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option("--timeout-s", type=click.IntRange(1, EXEC_S_MOST), default=300, show_default=True)
@replica_option
@click.pass_obj
def exec_(
    invocation: Invocation, service: str, command: tuple[str, ...], timeout_s: int, replica: int | None
) -> None:
    """Run a command in a running container of a service: `monoize exec SERVICE -- COMMAND ARGS…`.

    Its words are passed on as they are, without a shell; its exit code is that of this command.
    """
    found = find.service_id(invocation.api, service)
    body: Json = {"command": list(command), "timeout_s": timeout_s}
    if replica is not None:
        body["replica"] = replica
    try:
        for event, data in invocation.api.events(f"/api/services/{found}/exec", {}, body=body):
            match event:
                case "end":
                    _ended(data["exit_code"], data.get("error"))
                    return
                case "dropped":
                    show.said(f"({data['dropped']} lines came faster than they could be shown)")
                case _:
                    _told(invocation, data, bare=True)
    except ConnectionLost as lost:
        raise Failure(f"{lost.message}; the command may still run", exit=Exit.CANNOT) from lost
    raise Failure("nobody knows how the command ended", exit=Exit.CANNOT)


def _ended(code: int | None, error: str | None) -> None:
    if code is None:
        raise Failure(error or "nobody knows how the command ended", exit=Exit.CANNOT)
    sys.exit(code)


def _told(invocation: Invocation, line: Json, *, bare: bool = False) -> None:
    if invocation.json:
        show.as_json_line(line)
        return
    text = show.clean(line["line"])
    # What the service sends to its standard error stays told apart, also behind a pipe.
    click.echo(text if bare else f"{line['ts']}  {text}", err=line["stream"] == "stderr")
