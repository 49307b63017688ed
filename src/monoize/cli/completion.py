"""`monoize completion`: the script that teaches a shell to complete commands and options."""

import click
from click.shell_completion import get_completion_class

from monoize.cli.verb import Verb

SHELLS = ("bash", "zsh", "fish")


@click.command(cls=Verb)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that completes commands in a shell."""
    scripts = get_completion_class(shell)
    assert scripts is not None
    click.echo(scripts(ctx.find_root().command, {}, "monoize", "_MONOIZE_COMPLETE").source())
