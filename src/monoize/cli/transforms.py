"""`monoize transforms`: what can be done to requests and answers on their way, and the rules for all of them."""

from typing import Final

import click

from monoize.cli import rules, show
from monoize.cli.api import Json
from monoize.cli.failure import Failure
from monoize.cli.invocation import Invocation
from monoize.cli.verb import RemoteNoun

COLUMNS: Final = ("id", "phases", "scopes", "keys", "description")
RULE_COLUMNS: Final = ("transform", "phase", "enabled", "models", "config")
_PATH: Final = "/api/transforms"
_RULES_PATH: Final = "/api/transforms/rules"


@click.group(cls=RemoteNoun)
def transforms() -> None:
    """What is done to requests and answers. A RULE is [PHASE:]NAME[@GLOB,…][=CONFIG]."""


@transforms.command("list")
@click.pass_obj
def list_transforms(invocation: Invocation) -> None:
    """Show all transforms that there are, and where each may be put."""
    show.listing(invocation.api.get(_PATH), COLUMNS, as_text=invocation.as_text)


@transforms.command("show")
@click.argument("transform")
@click.pass_obj
def show_transform(invocation: Invocation, transform: str) -> None:
    """Show one with the JSON schema of its config."""
    wanted = transform.replace("-", "_").lower()
    for each in invocation.api.get(_PATH)["items"]:
        if each["id"] == wanted:
            show.thing(each, as_text=invocation.as_text)
            return
    raise Failure(f"there is no transform {transform}", hint="`monoize transforms list` shows them.")


@transforms.command("rules")
@click.pass_obj
def list_rules(invocation: Invocation) -> None:
    """Show the rules for all requests, in their order."""
    _shown(invocation, invocation.api.get(_RULES_PATH))


@transforms.command("set")
@click.argument("wanted", metavar="RULE...", nargs=-1, required=True)
@click.pass_obj
def set_rules(invocation: Invocation, wanted: tuple[str, ...]) -> None:
    """Let these be the rules for all requests, in this order and in place of all others."""
    _replaced(invocation, rules.read(wanted))
    show.said(f"{len(wanted)} rules hold for all requests from now on.")


@transforms.command("clear")
@click.pass_obj
def clear_rules(invocation: Invocation) -> None:
    """Let no rule hold for all requests."""
    _replaced(invocation, [])
    show.said("No rule holds for all requests any more.")


def _replaced(invocation: Invocation, wanted: list[Json]) -> None:
    _shown(invocation, invocation.api.put(_RULES_PATH, {"rules": wanted}))


def _shown(invocation: Invocation, page: Json) -> None:
    show.listing(page, RULE_COLUMNS, as_text=invocation.as_text)
