"""`monoize audit`: what was done, by whom, and whether the record of it is whole."""

import click

from monoize.cli import show
from monoize.cli.failure import Exit, Failure
from monoize.cli.invocation import Invocation
from monoize.cli.values import TIME, limit_option
from monoize.cli.verb import RemoteNoun

COLUMNS = ("id", "created_at", "actor", "action", "target_type", "target_id", "ip", "details")


@click.group(cls=RemoteNoun)
def audit() -> None:
    """The audit log."""


@audit.command("list")
@click.option("--action", help="An action such as `user.create`, or a family such as `user`.")
@click.option("--actor", help="Who did it, such as `user:alice` or `token:ci`.")
@click.option("--target-type", help="What kind of thing it was done to, such as `key`.")
@click.option("--target-id", help="The id of the thing it was done to.")
@click.option("--since", type=TIME, help="Nothing older.")
@click.option("--until", type=TIME, help="Nothing newer.")
@limit_option
@click.pass_obj
def list_entries(invocation: Invocation, /, limit: int, **filters: str | None) -> None:
    """Show the newest entries that match."""
    show.listing(invocation.api.listing("/api/audit", filters, limit=limit), COLUMNS, as_text=invocation.as_text)


@audit.command("verify")
@click.pass_obj
def verify(invocation: Invocation) -> None:
    """Recompute the hash chain over all entries; exit with 1 if one was changed or is missing."""
    checked, after = 0, 0
    while True:
        verdict = invocation.api.get("/api/audit/verification", {"after": after})
        checked += verdict["checked"]
        if verdict["complete"] or verdict["last_seq"] <= after:
            break
        after = verdict["last_seq"]
        show.said(f"{checked} entries checked …")
    if invocation.json:
        show.as_json({**verdict, "checked": checked})
    if verdict["problem"] or not verdict["complete"]:
        raise Failure(
            f"the audit log is not whole: {verdict['problem'] or 'the server stopped checking'}",
            exit=Exit.NO,
            hint="Keep the database as it is and compare it with a backup.",
        )
    show.said(f"The audit log is whole: {checked} entries checked.")
