"""`monoize policy`: what policies do with requests, or would do."""

import datetime as dt
import json
from typing import Final, TextIO

import click

from monoize.cli import find, show
from monoize.cli.api import Json
from monoize.cli.failure import Exit, Failure
from monoize.cli.invocation import Invocation
from monoize.cli.values import TIME
from monoize.cli.verb import RemoteNoun
from monoize.cli.yaml_text import TEXT_MOST_BYTES

TOLD: Final = ("newly_denied", "newly_allowed", "would_deny")
REASONS: Final = {
    "no_cost": "they were denied, or their cost is not known",
    "shared": "limits are counted with all agents of the role",
    "concurrency": "nobody knows how many were under way",
    "runs": "nobody has written down to which run or session they belonged",
    "provider": "a budget counts some providers only",
    "began_before": "a budget's window began before the first of them",
    "no_capture": "nothing that they said was kept",
    "capture_unreadable": "what was kept of them cannot be read",
    "capture_incomplete": "not all that they said was kept",
    "not_a_conversation": "they are no conversation",
    "personal_data": "what was kept of them is without personal data",
}
TEST_COLUMNS: Final = ("would", "gate", "rule_id", "code", "requests", "example")
COLUMNS: Final = ("day", "agent_record_id", "gate", "rule_id", "code", "requests")


@click.group(cls=RemoteNoun)
def policy() -> None:
    """What policies do with the requests of agents."""


@policy.command("shadow")
@click.option("--record", metavar="RECORD", help="Only of the agent with this record.")
@click.option("--since", type=TIME, help="From then on; a week ago when not given.")
@click.option("--until", type=TIME, help="Before then; now when not given.")
@click.pass_obj
def show_shadow(
    invocation: Invocation, record: str | None, since: dt.datetime | None, until: dt.datetime | None
) -> None:
    """Show what policies in shadow would have denied, by day, agent and rule."""
    record_id = find.agent_record(invocation.api, record)["id"] if record else None
    params = {"record_id": record_id, "since": since, "until": until}
    told = invocation.api.get("/api/shadow-denials", params)
    show.listing({**told, "next_cursor": None}, COLUMNS, as_text=invocation.as_text)
    if not told["complete"]:
        show.said("There were more requests than are read at once: ask for less time with --since.")


@policy.command("test")
@click.option("--record", metavar="RECORD", required=True, help="The agent record that the draft would change.")
@click.option(
    "--draft",
    metavar="FILE",
    type=click.File(encoding="utf-8"),
    required=True,
    help="JSON with the fields that would change, as the API takes them; - reads stdin.",
)
@click.option("--since", type=TIME, help="Requests from then on; of the last week when not given.")
@click.option("--until", type=TIME, help="Requests before then; until now when not given.")
@click.pass_obj
def try_draft(invocation: Invocation, record: str, draft: TextIO, since: str | None, until: str | None) -> None:
    """Try a draft on the requests that were made, and show which it would deny and which allow. Nothing changes."""
    found = find.agent_record(invocation.api, record)
    times = {name: at for name, at in (("since", since), ("until", until)) if at}
    body = {**_drafted(draft), **times}
    told = invocation.api.post(f"/api/agent-records/{found['id']}/test", body)
    if invocation.json:
        show.as_json(told)
    else:
        rows = [{"would": how, **each, "example": _example(each)} for how in TOLD for each in told[how]]
        show.listing({"items": rows, "next_cursor": None}, TEST_COLUMNS, as_text=True)
    _say(told)
    if told["newly_denied"] or told["newly_allowed"]:
        raise Failure("this would change what agents may do", exit=Exit.DIFFERS)


def _drafted(draft: TextIO) -> Json:
    text = draft.read(TEXT_MOST_BYTES + 1)
    if len(text) > TEXT_MOST_BYTES:
        raise click.UsageError(f"the draft is larger than {TEXT_MOST_BYTES} bytes")
    try:
        fields = json.loads(text)
    except ValueError as problem:
        raise click.UsageError(f"the draft is not JSON: {problem}") from problem
    if not isinstance(fields, dict):
        raise click.UsageError("the draft is no JSON object")
    return fields


def _example(judged: Json) -> str:
    newest = judged["examples"][0]
    return f"{newest['request_id']} ({newest['model']})"


def _say(told: Json) -> None:
    if not told["complete"]:
        show.said(f"Only the newest {told['requests']} requests were tried: ask for less time with --since.")
    if told["unknown"]:
        show.said(f"{told['unknown']} requests were of people who are gone, and were not tried.")
    for left in told["not_replayed"]:
        why = REASONS.get(left["reason"], left["reason"])
        show.said(f"The gate {left['gate']} was not asked again of all of {left['requests']} requests: {why}.")
    denied, allowed = (sum(each["requests"] for each in told[how]) for how in ("newly_denied", "newly_allowed"))
    show.said(f"Of {told['requests']} requests, {denied} more would be denied, and {allowed} would be allowed.")
