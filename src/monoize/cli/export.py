"""`monoize export`: the configuration of a server as a file that `monoize apply` takes."""

from pathlib import Path
from typing import Final

import click

from monoize.cli import show
from monoize.cli.failure import Exit, Failure
from monoize.cli.invocation import Invocation
from monoize.cli.verb import RemoteVerb
from monoize.cli.yaml_text import written

HEADING: Final = (
    "# Made by `monoize export`, for `monoize apply`. API keys are not in it: the server keeps those that it has.\n"
    "# A new channel, or one at another address, gets its key with `api_key: ${NAME}` or `api_key_file: PATH`.\n"
)


@click.command("export", cls=RemoteVerb)
@click.option(
    "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write a file instead of standard output."
)
@click.pass_obj
def export(invocation: Invocation, output: Path | None) -> None:
    """Write down providers, channels, models and the prices that were set by hand, without any API key."""
    shown = invocation.api.get("/api/configuration")
    if invocation.json:
        show.as_json(shown["document"])
        return
    text = HEADING + written(shown["document"])
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, "utf-8")
    except OSError as problem:
        raise Failure(f"cannot write {output}: {problem.strerror}", exit=Exit.CANNOT) from problem
    show.said(f"Wrote {output}.")
