"""`monoize notes`: what people write down for agents."""

from typing import Any, Final

import click

from monoize.cli import find, show
from monoize.cli.invocation import Invocation
from monoize.cli.values import TIME
from monoize.cli.verb import RemoteNoun

COLUMNS: Final = ("id", "topic", "note", "author", "source", "confirmed_by", "pinned", "created_at")

topic_option = click.option("--topic", help="What it is about.")
agent_option = click.option("--agent", metavar="RECORD", help="For one agent record, by name or id.")
note_argument = click.argument("note", type=click.IntRange(min=1))


@click.group(cls=RemoteNoun)
def notes() -> None:
    """Notes for agents of your tenant. A NOTE is a number."""


@notes.command("list")
@topic_option
@agent_option
@click.option("--limit", type=click.IntRange(1, 50), default=10, show_default=True)
@click.pass_obj
def list_notes(invocation: Invocation, topic: str | None, agent: str | None, limit: int) -> None:
    """Show the newest that still hold."""
    params = {"topic": topic, "agent_id": _agent_id(invocation, agent), "limit": limit}
    show.listing(invocation.api.get("/api/notes", params), COLUMNS, as_text=invocation.as_text)


@notes.command("context")
@topic_option
@agent_option
@click.option("--chars", type=click.IntRange(200, 100_000), default=8_000, show_default=True)
@click.pass_obj
def show_context(invocation: Invocation, topic: str | None, agent: str | None, chars: int) -> None:
    """Print them as they are put before a model."""
    params = {"topic": topic, "agent_id": _agent_id(invocation, agent), "chars": chars}
    found = invocation.api.get("/api/notes/context", params)
    if not invocation.as_text:
        show.as_json(found)
        return
    for line in found["text"].splitlines():
        click.echo(show.clean(line))


@notes.command("add")
@click.argument("text")
@topic_option
@agent_option
@click.option("--pinned", is_flag=True, help="Before all others.")
@click.option("--importance", type=click.FloatRange(0, 1), default=0.5, show_default=True)
@click.option("--supersedes", "supersedes_id", metavar="NOTE", type=click.IntRange(min=1), help="The older one.")
@click.option("--expires", "expires_at", type=TIME, help="Until when it holds.")
@click.pass_obj
def add_note(invocation: Invocation, /, text: str, agent: str | None, **given: Any) -> None:
    """Write one down."""
    body = {name: value for name, value in given.items() if value is not None}
    if agent is not None:
        body["agent_id"] = _agent_id(invocation, agent)
    made = invocation.api.create("/api/notes", {"note": text, **body})
    show.thing(made, as_text=invocation.as_text)


@notes.command("pin")
@note_argument
@click.option("--off", is_flag=True, help="Not any more.")
@click.pass_obj
def pin_note(invocation: Invocation, note: int, off: bool) -> None:
    """Put one before all others."""
    show.thing(invocation.api.patch(f"/api/notes/{note}", {"pinned": not off}), as_text=invocation.as_text)


@notes.command("confirm")
@note_argument
@click.pass_obj
def confirm_note(invocation: Invocation, note: int) -> None:
    """Let what an agent wrote count as if you had."""
    show.thing(invocation.api.post(f"/api/notes/{note}/confirm"), as_text=invocation.as_text)


@notes.command("delete")
@note_argument
@click.pass_obj
def delete_note(invocation: Invocation, note: int) -> None:
    """Take one away."""
    invocation.api.delete(f"/api/notes/{note}")
    show.said(f"Deleted the note {note}.")


def _agent_id(invocation: Invocation, wanted: str | None) -> str | None:
    return None if wanted is None else find.agent_record(invocation.api, wanted)["id"]
