"""`monoize routes`: which address leads to which service, machine, or to the gateway."""

from typing import Any, Final

import click

from monoize.cli import ask, find, show
from monoize.cli.failure import Failure
from monoize.cli.invocation import Invocation
from monoize.cli.values import limit_option, yes_option
from monoize.cli.verb import RemoteNoun

COLUMNS: Final = ("id", "domain", "path", "target", "service_id", "port", "tls", "state")
_PATH: Final = "/api/routes"
_STATES: Final = {
    "waiting_for_certificate": "It waits for a certificate; `monoize certificates list` shows how far that is.",
    "waiting_for_domain": "Its domain is not active yet; `monoize domains list` shows what is to do.",
    "no_member": "Nothing of its service runs at present, so that it answers 503.",
    "omitted": "The check of its domain failed; `monoize domains verify DOMAIN` looks again.",
    "not_served": "No nginx is set up there (MONOIZE_NGINX), so that nobody is served.",
}

route_argument = click.argument("route", metavar="ROUTE", type=click.IntRange(1))


@click.group(cls=RemoteNoun)
def routes() -> None:
    """Addresses that nginx serves. A ROUTE is an id."""


@routes.command("list")
@click.option("--service", metavar="SERVICE", help="Only those that lead to this service.")
@click.option("--domain", help="Only those of this domain.")
@limit_option
@click.pass_obj
def list_routes(invocation: Invocation, service: str | None, domain: str | None, limit: int) -> None:
    """Show the newest routes, and what becomes of each."""
    if service and domain:
        raise click.UsageError("--service and --domain exclude each other")
    path = f"/api/services/{find.service_id(invocation.api, service)}/routes" if service else _PATH
    page = invocation.api.listing(path, {"domain": domain} if domain else {}, limit=limit)
    show.listing(page, COLUMNS, as_text=invocation.as_text)


@routes.command("show")
@route_argument
@click.pass_obj
def show_route(invocation: Invocation, route: int) -> None:
    """Show one route with all its terms."""
    show.thing(invocation.api.get(f"{_PATH}/{route}"), as_text=invocation.as_text)


def _header(context: click.Context, option: click.Parameter, given: tuple[str, ...]) -> dict[str, str] | None:
    pairs = [text.partition(":") for text in given]
    if not all(separator for _, separator, _ in pairs):
        raise click.BadParameter("write NAME: VALUE", context, option)
    return {name.strip(): value.strip() for name, _, value in pairs} or None


def _terms(command: Any) -> Any:
    for option in reversed(
        (
            click.option("--path", help="Where it begins, such as /api; / when not given."),
            click.option("--port", type=click.IntRange(1, 65_535), help="The port that the target listens on."),
            click.option("--tls/--plain", "tls", default=None, help="Serve HTTPS and send HTTP there."),
            click.option("--timeout", "timeout_s", type=click.IntRange(1, 86_400), help="Seconds of silence."),
            click.option("--body-mb", type=click.IntRange(1, 10_240), help="The largest request body."),
            click.option("--websocket/--no-websocket", default=None, help="Whether WebSockets pass."),
            click.option("--buffering/--streaming", default=None, help="Whether nginx collects answers first."),
            click.option("--strip-path/--keep-path", default=None, help="Whether the target sees the path."),
            click.option("--hsts/--no-hsts", default=None, help="Tell browsers to use HTTPS for two years."),
            click.option(
                "--header", "headers", multiple=True, callback=_header, metavar="'NAME: VALUE'", help="On answers."
            ),
        )
    ):
        command = option(command)
    return command


@routes.command("create")
@click.argument("domain")
@click.option("--service", metavar="SERVICE", help="The service that it leads to.")
@click.option("--machine", metavar="ID", help="The machine of an agent that it leads to; needs --port.")
@click.option("--gateway", is_flag=True, help="It leads to the gateway of models.")
@_terms
@click.pass_obj
def create_route(
    invocation: Invocation,
    /,
    domain: str,
    service: str | None,
    machine: str | None,
    gateway: bool,
    **terms: Any,
) -> None:
    """Let an address lead somewhere. With --tls a certificate is got where that can be done."""
    if [bool(service), bool(machine), gateway].count(True) != 1:
        raise click.UsageError("name one of --service, --machine and --gateway")
    body = {"domain": domain, **_given(terms)}
    path = _PATH
    if service:
        path = f"/api/services/{find.service_id(invocation.api, service)}/routes"
    else:
        body |= {"target": "machine", "machine_id": machine} if machine else {"target": "gateway"}
    _shown(invocation, invocation.api.create(path, body), "Created")


@routes.command("update")
@route_argument
@click.option("--domain", help="Another domain.")
@_terms
@click.option("--usual-timeout", is_flag=True, help="Back to the usual bound on silence.")
@click.pass_obj
def update_route(invocation: Invocation, /, route: int, usual_timeout: bool, **terms: Any) -> None:
    """Change what is given and nothing else."""
    body = _given(terms) | ({"timeout_s": None} if usual_timeout else {})
    if not body:
        raise click.UsageError("nothing to change was given")
    _shown(invocation, invocation.api.patch(f"{_PATH}/{route}", body), "Updated")


@routes.command("delete")
@route_argument
@yes_option
@click.pass_obj
def delete_route(invocation: Invocation, route: int, yes: bool) -> None:
    """Delete a route: nobody is answered there any more."""
    found = invocation.api.get(f"{_PATH}/{route}")
    ask.confirmed_by_name("route", found["domain"], yes=yes)
    invocation.api.delete(f"{_PATH}/{route}")
    show.said(f"Deleted the route {route} of {found['domain']}.")


@routes.command("config")
@route_argument
@click.pass_obj
def config_of_route(invocation: Invocation, route: int) -> None:
    """Print what nginx reads for one route."""
    preview = invocation.api.get(f"{_PATH}/{route}/config")
    if invocation.as_text:
        click.echo(preview["config"], nl=False)
    else:
        show.as_json(preview)


def _shown(invocation: Invocation, route: dict[str, Any], done: str) -> None:
    show.thing(route, as_text=invocation.as_text)
    show.said(f"{done} the route {route['id']}: {route['domain']}{route['path']}.")
    if route["said"]:
        raise Failure(f"it is kept, but nginx does not serve it: {route['said']}", hint="`monoize nginx status`")
    if route["state"] in _STATES:
        show.said(_STATES[route["state"]])


def _given(terms: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in terms.items() if value is not None}
