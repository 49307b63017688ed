"""`monoize domains`: making a domain known, and proving that it is ours."""

from typing import Any, Final

import click

from monoize.cli import ask, show
from monoize.cli.failure import Failure
from monoize.cli.invocation import Invocation
from monoize.cli.values import limit_option, yes_option
from monoize.cli.verb import RemoteNoun

COLUMNS: Final = ("id", "name", "status", "next_action", "provider", "error")
RECORD: Final = ("type", "name", "value")
_PATH: Final = "/api/domains"

domain_argument = click.argument("domain", metavar="DOMAIN")


@click.group(cls=RemoteNoun)
def domains() -> None:
    """Domains whose routes are served once they are proven. A DOMAIN is a name or an id."""


@domains.command("list")
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice(["pending", "verifying", "verified", "active", "error"]),
    help="Only these; may be given several times.",
)
@limit_option
@click.pass_obj
def list_domains(invocation: Invocation, statuses: tuple[str, ...], limit: int) -> None:
    """Show the newest domains, and what is to do next for each."""
    page = invocation.api.listing(_PATH, {"status": list(statuses)}, limit=limit)
    show.listing(page, COLUMNS, as_text=invocation.as_text)


@domains.command("show")
@domain_argument
@click.pass_obj
def show_domain(invocation: Invocation, domain: str) -> None:
    """Show one domain with the records that belong into DNS."""
    _shown(invocation, _domain(invocation, domain))


@domains.command("add")
@click.argument("name")
@click.pass_obj
def add_domain(invocation: Invocation, name: str) -> None:
    """Make a domain known. Its routes wait until it is active."""
    _shown(invocation, invocation.api.create(_PATH, {"name": name}))
    show.said(f"Write these records into DNS, then `monoize domains verify {name}`.")


@domains.command("configure")
@domain_argument
@click.pass_obj
def configure_domain(invocation: Invocation, domain: str) -> None:
    """Have its records written, where its DNS is at Cloudflare."""
    _shown(invocation, _done(invocation, domain, "configure"))
    show.said("Its records are written.")


@domains.command("verify")
@domain_argument
@click.pass_obj
def verify_domain(invocation: Invocation, domain: str) -> None:
    """Look in DNS for the proof."""
    found = _done(invocation, domain, "verify")
    _shown(invocation, found)
    if found["error"]:
        raise Failure(f"{found['name']}: {found['error']}", hint="DNS may need a while; then ask again.")
    show.said(f"{found['name']} is proven; `monoize domains activate {found['name']}` lets its routes lead on.")


@domains.command("activate")
@domain_argument
@click.pass_obj
def activate_domain(invocation: Invocation, domain: str) -> None:
    """Let its routes lead to their targets, and have a certificate issued where that can be done."""
    _shown(invocation, _done(invocation, domain, "activate"))
    show.said("Its routes lead to their targets.")


@domains.command("delete")
@domain_argument
@yes_option
@click.pass_obj
def delete_domain(invocation: Invocation, domain: str, yes: bool) -> None:
    """Forget a domain without routes."""
    found = _domain(invocation, domain)
    ask.confirmed_by_name("domain", found["name"], yes=yes)
    invocation.api.delete(f"{_PATH}/{found['id']}")
    show.said(f"Deleted the domain {found['name']}.")


def _domain(invocation: Invocation, wanted: str) -> dict[str, Any]:
    if wanted.isdecimal():
        found: dict[str, Any] = invocation.api.get(f"{_PATH}/{wanted}")
        return found
    for one in invocation.api.items(_PATH, {"name": wanted}, limit=1):
        return one
    raise Failure(f"there is no domain {wanted}", hint="`monoize domains list` shows them.")


def _done(invocation: Invocation, wanted: str, what: str) -> dict[str, Any]:
    found: dict[str, Any] = invocation.api.post(f"{_PATH}/{_domain(invocation, wanted)['id']}/{what}")
    return found


def _shown(invocation: Invocation, domain: dict[str, Any]) -> None:
    if not invocation.as_text:
        show.as_json(domain)
        return
    show.thing({name: domain[name] for name in COLUMNS}, as_text=True)
    show.listing({"items": domain["records"], "next_cursor": None}, RECORD, as_text=True)
