"""`monoize run`: a coding agent, or any client of models, with a key of its own for as long as it runs.

The key is made before the command starts, stands in the command's environment and nowhere else, and is deleted when
the command has ended, however it ended. A run that is killed leaves a key behind, which expires by itself. The
command stays in our process group, so that it owns the terminal; its exit code becomes ours.
"""

import datetime as dt
import json
import os
import re
import shutil
import signal
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click

from monoize.base.clock import utc_now
from monoize.cli import show
from monoize.cli.api import Api, Json
from monoize.cli.failure import Failure
from monoize.cli.invocation import Invocation
from monoize.cli.verb import Verb, server_options

NOT_RUNNABLE: Final = 126
NOT_FOUND: Final = 127
ENDED_BY_SIGNAL: Final = 128
KEY_NAME_MOST_CHARS: Final = 64

# Left as they are, these would lead the command past Monoize, or show Monoize a key that is not for it.
_ELSEWHERE: Final = frozenset(
    {
        "CLAUDE_CODE_USE_BEDROCK",
        "CLAUDE_CODE_USE_FOUNDRY",
        "CLAUDE_CODE_USE_VERTEX",
        "GOOGLE_API_KEY",
        "GOOGLE_GENAI_USE_VERTEXAI",
    }
)
# It opens far more than models do, and an agent may tell its model what stands in its environment.
_OURS: Final = frozenset({"MONOIZE_TOKEN"})

_PASSED_ON: Final = (
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGCONT,
)
_WATCHED: Final = (*_PASSED_ON, signal.SIGCHLD)
_DURATION: Final = re.compile(r"([1-9][0-9]{0,3})([smhd])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class Duration(click.ParamType[dt.timedelta]):
    """A number with its unit: seconds, minutes, hours or days."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dt.timedelta:
        given = _DURATION.fullmatch(value)
        if given is None:
            self.fail(f"{value!r} is not a duration; write 90s, 30m, 12h or 7d", param, ctx)
        return dt.timedelta(**{_UNITS[given[2]]: int(given[1])})


class _AroundCommand(Verb):
    """A remote verb without --json: its stdout is the command's."""

    def shared_options(self) -> Sequence[click.Option]:
        return server_options()


@click.command(cls=_AroundCommand, context_settings={"allow_interspersed_args": False})
@click.option(
    "--key-ttl",
    type=Duration(),
    default="12h",
    show_default=True,
    help="When the key expires, should nothing delete it before.",
)
@click.option("--keep-key", is_flag=True, help="Leave the key when the command has ended; it expires.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="COMMAND [ARGS]...")
@click.pass_context
def run(ctx: click.Context, key_ttl: dt.timedelta, keep_key: bool, command: tuple[str, ...]) -> None:
    """Run a coding agent with a short-lived key of its own."""
    invocation: Invocation = ctx.obj
    program = shutil.which(command[0])
    if program is None:
        show.said(f"monoize: there is no command {command[0]}")
        ctx.exit(NOT_FOUND)
    name, server, began = Path(program).name, invocation.server, utc_now()
    key_name = f"run:{show.clean(name)}@{os.uname().nodename}"[:KEY_NAME_MOST_CHARS].rstrip()
    body = {"name": key_name, "expires_at": (began + key_ttl).isoformat()}
    created = invocation.api.create("/api/keys", body)
    try:
        # From here on a signal is the command's, and must not end us before the key is deleted.
        inherited = signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
        added = variables(name, server, created["secret"])
        _say_what_is_set(name, server, created["key"], added, began)
        # Not to read settings, but to hand on what is there.
        environment = handed_on(os.environ, added, name)  # noqa: TID251
        arguments = [command[0], *options(name, server), *command[1:]]
        code = _ended(program, arguments, environment, inherited)
    finally:
        _leave(invocation.api, created["key"], keep=keep_key)
    ctx.exit(code)


def variables(name: str, server: str, secret: str) -> dict[str, str]:
    """What the clients of all protocols read."""
    added = {
        "OPENAI_BASE_URL": f"{server}/v1",
        "OPENAI_API_KEY": secret,
        "ANTHROPIC_BASE_URL": server,
        "ANTHROPIC_AUTH_TOKEN": secret,
        "ANTHROPIC_API_KEY": secret,
        "GOOGLE_GEMINI_BASE_URL": server,
        "GEMINI_API_KEY": secret,
    }
    if name == "claude":
        # Claude Code asks its user whether it may use this one.
        del added["ANTHROPIC_API_KEY"]
    return added


def handed_on(inherited: Mapping[str, str], added: Mapping[str, str], name: str) -> dict[str, str]:
    """The command's environment: ours without what leads elsewhere, and what is added."""
    removed = _ELSEWHERE | _OURS | ({"ANTHROPIC_API_KEY"} if name == "claude" else set())
    return {variable: value for variable, value in inherited.items() if variable not in removed} | dict(added)


def options(name: str, server: str) -> list[str]:
    """What a command has to be told in arguments; they stand first, so that its user's own win."""
    if name != "codex":
        return []
    # Its built-in provider heeds OPENAI_BASE_URL only in part and cannot be changed; another one can be added.
    provider = {
        "name": "Monoize",
        "base_url": f"{server}/v1",
        "env_key": "OPENAI_API_KEY",
        "wire_api": "responses",
    }
    settings = {"model_provider": "monoize"}
    settings |= {f"model_providers.monoize.{field}": value for field, value in provider.items()}
    # A JSON string without control characters is a TOML string.
    return [word for field, value in settings.items() for word in ("-c", f"{field}={json.dumps(value)}")]


def _say_what_is_set(name: str, server: str, key: Json, added: Mapping[str, str], began: dt.datetime) -> None:
    expiry = show.time(key["expires_at"])
    show.said(f"{name} gets the key {key['name']} ({key['key_prefix']}…, expires {expiry}) and {server}")
    show.said(f"  in its {', '.join(added)}.")
    since = show.time(began.isoformat())
    show.said(f"What it costs: `monoize ledger statement --kind request_charge --since {since}`.")


def _ended(program: str, arguments: list[str], environment: Mapping[str, str], signal_mask: Collection[int]) -> int:
    """Run it until it ends; its exit code, as a shell gives it."""
    # Where whoever started us has SIGCHLD ignored, nobody would keep the exit code for us.
    signal.signal(signal.SIGCHLD, lambda *_: None)
    # Python ignores these two; an ordinary process does not.
    defaults = (signal.SIGPIPE, signal.SIGXFSZ)
    try:
        child = os.posix_spawn(program, arguments, environment, setsigmask=signal_mask, setsigdef=defaults)
    except OSError as problem:
        show.said(f"monoize: cannot run {program}: {problem.strerror}")
        return NOT_FOUND if isinstance(problem, FileNotFoundError) else NOT_RUNNABLE
    while True:
        number, seen_by_both = _next_signal()
        if number != signal.SIGCHLD:
            if not seen_by_both:
                os.kill(child, number)
            continue
        changed, status = os.waitpid(child, os.WNOHANG | os.WUNTRACED)
        if not changed:
            continue
        if os.WIFSTOPPED(status):
            # It has stopped itself: the shell waits for us, and would not come back. Its SIGCONT is passed on.
            os.kill(os.getpid(), signal.SIGTSTP)
            continue
        code = os.waitstatus_to_exitcode(status)
        return code if code >= 0 else ENDED_BY_SIGNAL - code


def _next_signal() -> tuple[int, bool]:
    """Which it is, and whether the terminal sent it, which sends it to the command as well."""
    if sys.platform == "linux":
        info = signal.sigwaitinfo(_WATCHED)
        return info.si_signo, info.si_code > 0
    # Elsewhere nobody says who sent it.
    number = signal.sigwait(_WATCHED)
    return number, number in (signal.SIGINT, signal.SIGQUIT) and sys.stderr.isatty()


def _leave(api: Api, key: Json, *, keep: bool) -> None:
    expiry = show.time(key["expires_at"])
    if keep:
        show.said(f"Kept the key {key['name']}, id {key['id']}; it expires {expiry}.")
        return
    try:
        # The ledger settles the sub-account of the key, if somebody gave it one.
        api.delete(f"/api/ledger/keys/{key['id']}")
    except Failure as failure:
        show.said(f"monoize: the key {key['name']} was not deleted, and expires {expiry}: {failure.message}")
        show.said(f"hint: `monoize keys delete {key['id']}` deletes it.")
    else:
        show.said(f"Deleted the key {key['name']}.")
