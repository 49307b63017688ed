"""`monoize serve` and `monoize init`: running Monoize on this machine, and making its first account.

`serve` ends with 0 when it is told to stop by SIGTERM or SIGINT, and with 3 when it cannot start.
"""

import dataclasses
from pathlib import Path
from typing import Any

import click

from monoize.cli import ask, show
from monoize.cli.values import EMAIL, PORT, USERNAME, config_option, username_from
from monoize.cli.verb import Verb


@click.command()
@click.argument("role", type=click.Choice(["all", "gateway", "egress"]), default="all")
@click.option("--host", help="Address to listen on, instead of the setting `host`.")
@click.option("--port", type=PORT, help="Port to listen on, instead of the setting `port`; 0 picks a free one.")
@click.option(
    "--control-url",
    help="For `gateway` and `egress`: where all the rest runs, instead of the setting `control_url`.",
)
@click.option("--until-stdin-ends", is_flag=True, hidden=True, help="Stop when whoever started this has ended.")
@config_option
def serve(
    role: str,
    host: str | None,
    port: int | None,
    control_url: str | None,
    until_stdin_ends: bool,
    config: Path | None,
) -> None:
    """Run Monoize on this machine until SIGTERM or Ctrl-C: all of it, or one more gateway or egress proxy."""
    from monoize.infra.settings import load

    given: dict[str, Any] = {"host": host, "port": port, "control_url": control_url}
    chosen = {name: value for name, value in given.items() if value is not None}
    settings = dataclasses.replace(load(file=config).settings, **chosen)
    if role == "gateway":
        from monoize.main import gateway_server

        gateway_server.serve(settings, click.echo)
    elif role == "egress":
        from monoize.main import egress_server

        egress_server.serve(settings, click.echo, until_stdin_ends=until_stdin_ends)
    else:
        from monoize.main import server

        server.serve(settings, click.echo)


@click.command(cls=Verb)
@click.option("--email", type=EMAIL, required=True)
@click.option("--username", type=USERNAME, help="Made from the e-mail address when not given.")
@click.option("--password-stdin", is_flag=True, required=True, help="Read the password from stdin.")
@config_option
def init(email: str, username: str | None, password_stdin: bool, config: Path | None) -> None:
    """Make the first account, the super_admin, without a browser."""
    import asyncio

    from monoize.infra.settings import load
    from monoize.main.init import make_first_account

    settings = load(file=config).settings
    password = ask.first_line("password")
    wanted = username or username_from(email)
    made = asyncio.run(make_first_account(settings, email=email, username=wanted, password=password))
    show.said(f"Made the first account {made}, a super_admin.")
    show.said(f"Start with `monoize serve`, then `monoize login --name {made}`.")
