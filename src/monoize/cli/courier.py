"""`monoize courier`: the program of the fleet's hosts, where Monoize itself is installed. It has its own verbs."""

import click

from monoize.cli.verb import Verb


@click.command(
    cls=Verb,
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    add_help_option=False,
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="VERB [ARGS]...")
@click.pass_context
def courier(ctx: click.Context, arguments: tuple[str, ...]) -> None:
    """Keep this host in step with its hub: sync, cdx, install, uninstall."""
    from monoize.courier.courier import main

    ctx.exit(main(arguments))
