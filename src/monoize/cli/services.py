"""`monoize services`: what is wanted of services, and what is seen of them."""

from typing import Any, Final

import click

from monoize.cli import ask, find, show
from monoize.cli.api import Api, Json
from monoize.cli.failure import Failure
from monoize.cli.invocation import Invocation
from monoize.cli.projects import volumes_option
from monoize.cli.removals import followed
from monoize.cli.service_values import port_of, variable_of, volume_of
from monoize.cli.values import limit_option, yes_option
from monoize.cli.verb import RemoteNoun
from monoize.cli.watching import watched

COLUMNS: Final = ("id", "project_name", "name", "image", "desired_state", "observed_state", "health_status")
READING: Final = ("replica", "cpu_percent", "memory_bytes", "memory_limit_bytes", "received_bytes", "sent_bytes")

service_argument = click.argument("service", metavar="SERVICE")


@click.group(cls=RemoteNoun)
def services() -> None:
    """Containers that are kept running. A SERVICE is PROJECT/NAME, a name that no other project has, or an id."""


@services.command("list")
@click.option("--project", metavar="PROJECT", help="Only those of this project.")
@limit_option
@click.pass_obj
def list_services(invocation: Invocation, project: str | None, limit: int) -> None:
    """Show the newest services."""
    path = "/api/services"
    if project is not None:
        path = f"/api/projects/{find.project_id(invocation.api, project)}/services"
    page = invocation.api.listing(path, {}, limit=limit)
    if invocation.as_text:
        page = {**page, "items": [{**one, "image": one["config"]["image"]} for one in page["items"]]}
    show.listing(page, COLUMNS, as_text=invocation.as_text)


@services.command("show")
@service_argument
@click.pass_obj
def show_service(invocation: Invocation, service: str) -> None:
    """Show everything about one service."""
    show.thing(_service(invocation.api, service), as_text=invocation.as_text)


def _options(command: Any) -> Any:
    """What a service is made of, for `create` and `update`."""
    for option in reversed(
        (
            click.option("--port", "ports", multiple=True, help="CONTAINER or HOST:CONTAINER, /udp for UDP."),
            click.option("--env", multiple=True, metavar="KEY=VALUE", help="A variable that is no secret."),
            click.option("--volume", "volumes", multiple=True, metavar="NAME:/PATH[:ro]"),
            click.option("--environment", metavar="NAME", help="The environment whose variables it shares."),
            click.option("--replicas", type=click.IntRange(1)),
            click.option("--memory-mb", type=click.IntRange(1)),
            click.option("--cpus", type=float),
            click.option("--health-path", metavar="/PATH", help="Answered with 2xx or 3xx by a healthy service."),
            click.option("--description", help="What it is for."),
        )
    ):
        command = option(command)
    return command


@services.command("create")
@click.argument("name", metavar="PROJECT/NAME")
@click.option("--image", required=True)
@_options
@click.option("--start/--no-start", default=True, show_default=True, help="Deploy it at once.")
@click.pass_obj
def create_service(invocation: Invocation, /, name: str, image: str, start: bool, **options: Any) -> None:
    """Make a service: its image is pulled, and its first release deployed."""
    project, slash, called = name.rpartition("/")
    if not slash:
        raise click.UsageError("name the service as PROJECT/NAME")
    body = {"name": called, "image": image, "start": start, **_config(invocation.api, options)}
    path = f"/api/projects/{find.project_id(invocation.api, project)}/services"
    _ordered(invocation, invocation.api.create(path, body))


@services.command("update")
@service_argument
@click.option("--image")
@_options
@click.option("--redeploy/--no-redeploy", default=True, show_default=True, help="Deploy what a release is made of.")
@click.pass_obj
def update_service(
    invocation: Invocation, /, service: str, image: str | None, redeploy: bool, **options: Any
) -> None:
    """Change a service. A list that is given replaces the one there is, `--env` only the variables it names."""
    found = _service(invocation.api, service)
    body = {"redeploy": redeploy, **_config(invocation.api, options)}
    if image is not None:
        body["image"] = image
    for part in ("limits", "health"):
        if part in body:
            body[part] = {**found["config"][part], **body[part]}
    if "env" in body:
        body["env"] = {**_kept(found["env"]), **body["env"]}
    _ordered(invocation, invocation.api.patch(f"/api/services/{found['id']}", body))


def _verb(name: str, help: str) -> None:
    @services.command(name, help=help)
    @service_argument
    @click.pass_obj
    def act(invocation: Invocation, service: str) -> None:
        found = find.service_id(invocation.api, service)
        _ordered(invocation, invocation.api.post(f"/api/services/{found}/{name}"))


_verb("start", "Let it run.")
_verb("stop", "Let it stop, until it is started again.")
_verb("restart", "Stop and start its containers.")
_verb("unlock", "Let a service run again that crashed too often.")


@services.command("stats")
@service_argument
@click.pass_obj
def show_stats(invocation: Invocation, service: str) -> None:
    """Show what each replica uses."""
    found = find.service_id(invocation.api, service)
    readings = invocation.api.get(f"/api/services/{found}/stats")
    if invocation.json:
        show.as_json(readings)
    else:
        show.listing({"items": readings, "next_cursor": None}, _columns(readings), as_text=True)


@services.command("link")
@service_argument
@click.argument("targets", metavar="[TARGET]...", nargs=-1)
@click.pass_obj
def link_service(invocation: Invocation, service: str, targets: tuple[str, ...]) -> None:
    """Tell a service where others of its project are, by TARGET_HOST and TARGET_PORT; without any, of none."""
    found = _service(invocation.api, service)
    named = [target if "/" in target else f"{found['project_name']}/{target}" for target in targets]
    body = {"targets": [find.service_id(invocation.api, target) for target in named]}
    links = invocation.api.put(f"/api/services/{found['id']}/links", body)
    if invocation.json:
        show.as_json(links)
    show.said(f"{found['name']} is told of {len(links)} services with its next release.")


@services.command("delete")
@service_argument
@volumes_option
@yes_option
@click.pass_obj
def delete_service(invocation: Invocation, service: str, with_volumes: bool, yes: bool) -> None:
    """Delete a service with all that it left behind, and say of each thing what became of it."""
    found = _service(invocation.api, service)
    ask.confirmed_by_name("service", found["name"], yes=yes)
    body = {"name": found["name"], "with_volumes": with_volumes}
    removal = followed(invocation.api, invocation.api.remove(f"/api/services/{found['id']}", body))
    if invocation.json:
        show.as_json(removal)
    show.said(f"Deleted the service {found['name']}.")


def _service(api: Api, service: str) -> Json:
    found: Json = api.get(f"/api/services/{find.service_id(api, service)}")
    return found


def _config(api: Api, options: Json) -> Json:
    """The options that were given, as the API takes them."""
    body: Json = {}
    if options["ports"]:
        body["ports"] = [port_of(text) for text in options["ports"]]
    if options["volumes"]:
        body["volumes"] = [volume_of(text) for text in options["volumes"]]
    if options["env"]:
        body["env"] = dict(variable_of(text) for text in options["env"])
    if options["environment"] is not None:
        body["environment_id"] = find.environment_id(api, options["environment"])
    for name in ("replicas", "description"):
        if options[name] is not None:
            body[name] = options[name]
    limits = {name: options[name] for name in ("memory_mb", "cpus") if options[name] is not None}
    if limits:
        body["limits"] = limits
    if options["health_path"] is not None:
        body["health"] = {"kind": "http", "path": options["health_path"]}
    return body


def _kept(env: Json) -> Json:
    """Of masked values nobody knows here what they are, and sending the mask would destroy them."""
    masked = sorted(key for key, value in env.items() if value == "******")
    if masked:
        raise Failure(
            f"the values of {', '.join(masked)} are hidden, so this list cannot be changed one by one",
            hint="Move them to `monoize secrets set`, which changes one at a time.",
        )
    return env


def _ordered(invocation: Invocation, ordered: Json) -> None:
    service, deployment = ordered["service"], ordered["deployment_id"]
    if deployment is not None:
        ended = watched(invocation.api, f"/api/deployments/{deployment}")
        service = invocation.api.get(f"/api/services/{service['id']}")
        if ended["status"] != "live":
            raise Failure(
                f"deployment {deployment} ended as {ended['status']}: {ended['error']}",
                code=ended["error_code"],
                hint=f"`monoize deployments show {deployment}` shows what was seen.",
            )
    if invocation.json:
        show.as_json({**ordered, "service": service})
    show.said(f"{service['project_name']}/{service['name']} is {service['observed_state']}.")


def _columns(readings: list[Json]) -> tuple[str, ...]:
    return tuple(readings[0]) if readings else READING
