"""`monoize approvals`: what agents have asked people for."""

from typing import Any, Final

import click

from monoize.cli import ask, show
from monoize.cli.invocation import Invocation
from monoize.cli.values import limit_option
from monoize.cli.verb import RemoteNoun

COLUMNS: Final = ("subject", "kind", "environment", "risk", "status", "expires_at", "requester", "id")
STATES: Final = ("pending", "approved", "denied", "expired", "withdrawn", "consumed", "executed", "failed")
EVERY: Final = "all"

comment_option = click.option("--comment", metavar="TEXT", help="Why; the requester and the audit log are told.")


@click.group(cls=RemoteNoun)
def approvals() -> None:
    """Decisions that agents wait for. An APPROVAL is an id."""


@approvals.command("list")
@click.option("--status", type=click.Choice([*STATES, EVERY]), default="pending", show_default=True)
@limit_option
@click.pass_obj
def list_approvals(invocation: Invocation, status: str, limit: int) -> None:
    """Show what waits for a decision."""
    params = {} if status == EVERY else {"status": status}
    page = invocation.api.listing("/api/approvals", params, limit=limit)
    show.listing(page, COLUMNS, as_text=invocation.as_text)


@approvals.command("show")
@click.argument("approval")
@click.pass_obj
def show_approval(invocation: Invocation, approval: str) -> None:
    """Show all of one: arguments, difference, risk, cost, who asked and who has voted."""
    show.thing(invocation.api.get(f"/api/approvals/{approval}"), as_text=invocation.as_text)


@approvals.command("approve")
@click.argument("approval")
@comment_option
@click.option("--second-factor-stdin", is_flag=True, help="Read your password from stdin, where it is asked for.")
@click.pass_obj
def approve(invocation: Invocation, approval: str, comment: str | None, second_factor_stdin: bool) -> None:
    """Say yes to one, after you have looked at it."""
    body: dict[str, Any] = {} if comment is None else {"comment": comment}
    if second_factor_stdin:
        body["second_factor"] = ask.first_line("password")
    decided = invocation.api.create(f"/api/approvals/{approval}/approve", body)
    if invocation.json:
        show.as_json(decided)
    votes = len(decided["votes"])
    if decided["status"] == "approved":
        show.said(f"Approved {decided['subject']}: it may be done once, until {show.time(decided['expires_at'])}.")
    else:
        show.said(f"Your yes to {decided['subject']} is number {votes} of {decided['needed']} that are needed.")


@approvals.command("deny")
@click.argument("approval", nargs=-1, required=True)
@comment_option
@click.pass_obj
def deny(invocation: Invocation, approval: tuple[str, ...], comment: str | None) -> None:
    """Say no to one or to several: one no is enough."""
    body: dict[str, Any] = {"approval_ids": list(approval)} | ({} if comment is None else {"comment": comment})
    decided = invocation.api.create("/api/approvals/deny", body)
    if invocation.json:
        show.as_json(decided)
    for denied in decided["denied"]:
        show.said(f"Denied {denied['subject']}, id {denied['id']}.")


@approvals.command("withdraw")
@click.argument("approval")
@click.pass_obj
def withdraw(invocation: Invocation, approval: str) -> None:
    """Take back what you have asked for."""
    withdrawn = invocation.api.post(f"/api/approvals/{approval}/withdraw")
    if invocation.json:
        show.as_json(withdrawn)
    show.said(f"Withdrew {withdrawn['subject']}.")


@approvals.command("webhook-key")
@click.argument("agent")
@click.pass_obj
def webhook_key(invocation: Invocation, agent: str) -> None:
    """Print the key with which webhooks of an agent, named by its id, are signed."""
    found = invocation.api.get(f"/api/agents/{agent}/webhook-key")
    show.secret({"secret": found["key"]}, as_text=invocation.as_text)
