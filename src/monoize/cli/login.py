"""`monoize login`, `logout` and `whoami`: the credential that other commands use.

The credential is checked by the server before it is kept. Signing out ends a session at the server first; only
then it is forgotten here, unless --local says to forget it anyway.
"""

import dataclasses

import click

from monoize.cli import ask, show
from monoize.cli.api import Api
from monoize.cli.failure import Failure
from monoize.cli.invocation import Invocation, usable_token
from monoize.cli.profile import Profile
from monoize.cli.verb import RemoteVerb


@click.command(cls=RemoteVerb)
@click.option("--name", help="Username or e-mail address; asked for when not given.")
@click.option("--password-stdin", is_flag=True, help="Read the password from stdin; needs --name.")
@click.option("--token-stdin", is_flag=True, help="Read a named token from stdin instead of signing in.")
@click.pass_obj
def login(invocation: Invocation, name: str | None, password_stdin: bool, token_stdin: bool) -> None:
    """Sign in, and keep the credential for the next commands."""
    if token_stdin and (name or password_stdin):
        raise click.UsageError("--token-stdin goes with neither --name nor --password-stdin")
    if password_stdin and not name:
        raise click.UsageError("--password-stdin needs --name")
    server = invocation.server
    if token_stdin:
        kept = _with_token(server, usable_token(ask.first_line("token")))
    else:
        if not password_stdin:
            ask.terminal_or("--name with --password-stdin, or --token-stdin")
        name = name or click.prompt(f"Name at {server}", err=True)
        password = (
            ask.first_line("password") if password_stdin else click.prompt("Password", hide_input=True, err=True)
        )
        kept = _with_password(server, name, password)
    invocation.save(kept)
    if invocation.json:
        show.as_json({"profile": invocation.profile, "url": kept.url, "kind": kept.kind, "name": kept.name})
    show.said(f"Signed in at {server} as {kept.name}; kept as the profile {invocation.profile}.")
    if invocation.token:
        show.said("MONOIZE_TOKEN is set, and other commands use it instead.")
    else:
        show.said("`monoize whoami` shows what you may do.")


def _with_password(server: str, name: str, password: str) -> Profile:
    session = Api(server).post("/api/auth/login", {"name": name, "password": password})
    return Profile(url=server, token=session["token"], kind="session", name=session["user"]["username"])


def _with_token(server: str, token: str) -> Profile:
    me = Api(server, token).get("/api/me")
    if me["kind"] == "api_key":
        raise Failure(
            "an API key opens models, not the control API",
            hint="Use a named token, which `monoize tokens create` makes.",
        )
    return Profile(url=server, token=token, kind="session" if me["kind"] == "user" else "token", name=me["name"])


@click.command(cls=RemoteVerb)
@click.option("--local", is_flag=True, help="Only forget the credential here, and ask no server.")
@click.pass_obj
def logout(invocation: Invocation, local: bool) -> None:
    """End the session, and forget the profile."""
    saved = invocation.saved
    if saved is None:
        raise Failure(f"the profile {invocation.profile} is not signed in")
    ended = saved.kind == "session" and not local
    if ended:
        _end_session(dataclasses.replace(invocation, url=saved.url, token=None))
    invocation.save(None)
    show.said(f"Forgot the profile {invocation.profile}{' and ended its session' if ended else ''}.")
    if saved.kind == "token":
        show.said(f"The token {saved.name} itself still works; `monoize tokens delete {saved.name}` ends it.")


def _end_session(invocation: Invocation) -> None:
    try:
        invocation.api.post("/api/auth/logout")
    except Failure as failure:
        # A session that has ended by itself leaves nothing to end.
        if failure.code != "invalid_credential":
            failure.hint = failure.hint or "`monoize logout --local` forgets it without asking the server."
            raise


@click.command(cls=RemoteVerb)
@click.pass_obj
def whoami(invocation: Invocation) -> None:
    """Show who the server takes you for, and what you may do."""
    me = invocation.api.get("/api/me")
    if invocation.json:
        show.as_json(me)
    else:
        show.thing(
            {"server": invocation.server, **{name: value for name, value in me.items() if name != "user"}},
            as_text=True,
        )
