"""The click classes that every command is made of, and the options they share.

A shared option may stand before the noun or after the verb: `monoize --json users list` and `monoize users list
--json` are the same. What a verb raises unexpectedly ends as one line; only `serve` may show a traceback.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from monoize.base.errors import StartupProblem
from monoize.cli.failure import Exit, Failure
from monoize.cli.invocation import Invocation
from monoize.cli.profile import PROFILE_NAME


class FromEnvironment(click.Option):
    """A value that is never an argument, because everybody on a machine can read the arguments of a process."""

    def add_to_parser(self, parser: Any, ctx: click.Context) -> None:
        return


def _keep(ctx: click.Context, param: click.Parameter, given: Any) -> None:
    if given:
        setattr(ctx.ensure_object(Invocation), param.name, given)


def _keep_profile(ctx: click.Context, param: click.Parameter, given: str | None) -> None:
    if given and not PROFILE_NAME.fullmatch(given):
        raise click.BadParameter("a profile's name has 1 to 64 letters, digits, - or _")
    _keep(ctx, param, given)


def json_option() -> click.Option:
    return click.Option(["--json"], is_flag=True, expose_value=False, callback=_keep, help="Print JSON.")


def server_options(*, envvar: str | None = None) -> list[click.Option]:
    return [
        click.Option(
            ["--profile"],
            metavar="NAME",
            expose_value=False,
            callback=_keep_profile,
            help="The sign-in to use; `default` when not given.",
        ),
        click.Option(
            ["--url"],
            metavar="URL",
            envvar=envvar,
            show_envvar=bool(envvar),
            expose_value=False,
            callback=_keep,
            help="The server, instead of the profile's.",
        ),
        click.Option(
            ["--insecure-http"],
            is_flag=True,
            expose_value=False,
            callback=_keep,
            help="Send credentials over plain HTTP, where others can read them.",
        ),
    ]


def environment_options() -> list[click.Option]:
    return [
        FromEnvironment(["--token"], envvar="MONOIZE_TOKEN", hidden=True, expose_value=False, callback=_keep),
        FromEnvironment(
            ["--profiles"],
            envvar="MONOIZE_PROFILES",
            type=click.Path(path_type=Path),
            hidden=True,
            expose_value=False,
            callback=_keep,
        ),
    ]


class Verb(click.Command):
    """A command that ends in one line when something goes wrong."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(self.shared_options())

    def shared_options(self) -> Sequence[click.Option]:
        return ()

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.Abort, click.exceptions.Exit, Failure, StartupProblem, BrokenPipeError):
            raise
        except Exception as problem:
            raise Failure(f"unexpected {type(problem).__name__}: {problem}", exit=Exit.CANNOT) from problem


class LocalVerb(Verb):
    """A verb about this machine's own installation."""

    def shared_options(self) -> Sequence[click.Option]:
        return [json_option()]


class RemoteVerb(Verb):
    """A verb that asks a server."""

    def shared_options(self) -> Sequence[click.Option]:
        return [json_option(), *server_options()]


class LocalNoun(click.Group):
    command_class = LocalVerb


class RemoteNoun(click.Group):
    command_class = RemoteVerb
