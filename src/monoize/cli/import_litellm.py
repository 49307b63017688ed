"""`monoize import`: what another gateway was told, as a document for `monoize apply`."""

import os

import click

from monoize.cli import configuration_file, show
from monoize.cli.apply import carry_out, dry_run_option
from monoize.cli.configuration_file import text_of
from monoize.cli.failure import Exit, Failure
from monoize.cli.invocation import Invocation
from monoize.cli.verb import RemoteNoun
from monoize.cli.yaml_text import parsed, written


@click.group("import", cls=RemoteNoun)
def import_() -> None:
    """Take over the configuration of another gateway."""


@import_.command("litellm")
@click.argument("file", metavar="FILE")
@click.option("--apply", "applies", is_flag=True, help="Apply it at once instead of printing it.")
@dry_run_option
@click.pass_obj
def import_litellm(invocation: Invocation, file: str, applies: bool, dry_run: bool) -> None:
    """Turn a config.yaml of LiteLLM's proxy into a file for `monoize apply`, and say what is left out."""
    from monoize.cli.litellm_config import NotLiteLLM, converted

    # Addresses of deployments may be named by a variable, and the document says what they are.
    environment = os.environ  # noqa: TID251
    try:
        found = converted(parsed(text_of(file), file).content, environment)
    except NotLiteLLM as problem:
        raise Failure(f"{file} is no configuration of LiteLLM's proxy: {problem}") from problem
    for note in found.notes:
        show.said(note)
    if not found.document["providers"]:
        raise Failure("nothing of it could be carried over", exit=Exit.NO)
    if applies or dry_run:
        ready = configuration_file.of_document(found.document, file, {**environment, **found.keys})
        carry_out(invocation, ready, dry_run=dry_run, prune=False)
    elif invocation.json:
        show.as_json(found.document)
    else:
        click.echo(written(found.document), nl=False)
