"""`monoize backup`: this machine's database in one file, and back again."""

from pathlib import Path

import click

from monoize.cli import ask, show
from monoize.cli.failure import Failure
from monoize.cli.invocation import Invocation
from monoize.cli.values import config_option, yes_option
from monoize.cli.verb import LocalNoun

file_argument = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))


@click.group("backup", cls=LocalNoun)
def backup() -> None:
    """This machine's database in one file. The master key is not in it: keep that apart."""


@backup.command("create")
@file_argument
@config_option
@click.pass_obj
def create_backup(invocation: Invocation, file: Path, config: Path | None) -> None:
    """Write a backup to FILE, also while Monoize runs. A file that is there is never replaced."""
    import asyncio

    from monoize.infra.settings import load
    from monoize.main import backups

    made = asyncio.run(backups.create(load(file=config).settings, file.absolute()))
    show.thing(backups.facts(made.manifest), as_text=invocation.as_text)
    show.said(f"Wrote {file}. Without the master key nobody can open the secrets in it: keep that, elsewhere.")


@backup.command("verify")
@file_argument
@click.pass_obj
def verify_backup(invocation: Invocation, file: Path) -> None:
    """Read all of FILE and compare it with what was written."""
    from monoize.main import backups

    show.thing(backups.facts(backups.verify(file)), as_text=invocation.as_text)
    show.said(f"{file} is whole.")


@backup.command("restore")
@file_argument
@config_option
@yes_option
@click.pass_obj
def restore_backup(invocation: Invocation, file: Path, config: Path | None, yes: bool) -> None:
    """Bring back what FILE holds: on SQLite with the next start, on a server into an empty database."""
    import asyncio

    from monoize.infra.settings import load
    from monoize.main import backups

    if not yes:
        ask.terminal_or("--yes")
        click.confirm(f"Bring back what {file} holds?", err=True, abort=True)
    restored = asyncio.run(backups.restore(load(file=config).settings, file))
    show.thing(backups.facts(restored.manifest), as_text=invocation.as_text)
    if restored.staged:
        show.said("It is checked and laid ready: the next start of `monoize serve` puts it in place.")
        show.said("What is there now stays beside it as FILE.previous. `monoize backup discard` forgets it.")
    else:
        show.said("It is in the database now. `monoize serve` can be started.")


@backup.command("discard")
@config_option
@click.pass_obj
def discard(invocation: Invocation, config: Path | None) -> None:
    """Forget a restore that was laid ready."""
    from monoize.infra.settings import load
    from monoize.main import backups

    if not backups.discard(load(file=config).settings):
        raise Failure("no restore is laid ready")
    show.said("Forgotten: the next start goes on with the database that is there.")
