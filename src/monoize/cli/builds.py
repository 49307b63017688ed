"""`monoize builds`: images made of a Git repository and its Dockerfile, and the pushes that ask for them."""

import re
from typing import Any, Final

import click

from monoize.cli import ask, find, show
from monoize.cli.api import Json
from monoize.cli.deployments import ID
from monoize.cli.failure import Exit, Failure
from monoize.cli.invocation import Invocation
from monoize.cli.values import limit_option, yes_option
from monoize.cli.verb import RemoteNoun
from monoize.cli.watching import watched

COLUMNS: Final = ("id", "service_id", "status", "ref", "commit_id", "image", "deployment_id", "created_at")
DELIVERY_COLUMNS: Final = ("id", "event", "outcome", "reason", "branch", "commit_id", "build_ids", "created_at")
_ARGUMENT: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)


@click.group(cls=RemoteNoun)
def builds() -> None:
    """Images made of repositories. SERVICE is PROJECT/NAME or an id."""


@builds.command("list")
@click.option("--service", metavar="SERVICE", help="Only those of this service.")
@limit_option
@click.pass_obj
def list_builds(invocation: Invocation, service: str | None, limit: int) -> None:
    """Show the newest builds."""
    found = None if service is None else find.service_id(invocation.api, service)
    page = invocation.api.listing("/api/builds", {"service_id": found}, limit=limit)
    show.listing(page, COLUMNS, as_text=invocation.as_text)


@builds.command("show")
@click.argument("build", type=ID)
@click.pass_obj
def show_build(invocation: Invocation, build: int) -> None:
    """Show one build."""
    show.thing(invocation.api.get(f"/api/builds/{build}"), as_text=invocation.as_text)


@builds.command("start")
@click.argument("service", metavar="SERVICE")
@click.option("--ref", help="A branch, a tag or a commit, instead of the source's branch.")
@click.option("--deploy/--no-deploy", default=True, show_default=True, help="Deploy the image that is built.")
@click.option("--reason", help="Why, for those who look at it later.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Watch until it has ended.")
@click.pass_obj
def start_build(
    invocation: Invocation, service: str, ref: str | None, deploy: bool, reason: str | None, wait: bool
) -> None:
    """Build the image of a service."""
    found = find.service_id(invocation.api, service)
    body: Json = {"deploy": deploy, **{k: v for k, v in {"ref": ref, "reason": reason}.items() if v is not None}}
    asked = invocation.api.create(f"/api/services/{found}/builds", body)
    show.said(f"Build {asked['id']} of {asked['ref']} is asked for.")
    if wait:
        _ended(invocation, watched(invocation.api, f"/api/builds/{asked['id']}"))
    elif invocation.json:
        show.as_json(asked)


@builds.command("watch")
@click.argument("build", type=ID)
@click.pass_obj
def watch_build(invocation: Invocation, build: int) -> None:
    """Show what a build says, from its beginning to its end."""
    _ended(invocation, watched(invocation.api, f"/api/builds/{build}"))


@builds.command("cancel")
@click.argument("build", type=ID)
@click.pass_obj
def cancel_build(invocation: Invocation, build: int) -> None:
    """Stop a build."""
    cancelled = invocation.api.post(f"/api/builds/{build}/cancel")
    if invocation.json:
        show.as_json(cancelled)
    show.said(f"Build {build} is being cancelled.")


@builds.command("source")
@click.argument("service", metavar="SERVICE")
@click.option("--repository", metavar="URL", help="https://HOST/PATH; without it the present source is shown.")
@click.option("--branch", default="main", show_default=True)
@click.option("--context", default=".", show_default=True, help="The folder that is built.")
@click.option("--dockerfile", default="Dockerfile", show_default=True, help="Within that folder.")
@click.option("--build-arg", "build_args", multiple=True, metavar="NAME=VALUE", help="Never a secret; repeatable.")
@click.option("--auto-deploy/--no-auto-deploy", default=False, help="Whether pushes build and deploy it.")
@click.option("--credential-stdin", is_flag=True, help="Read a token for the repository from stdin.")
@click.pass_obj
def source(
    invocation: Invocation,
    /,
    service: str,
    repository: str | None,
    build_args: tuple[str, ...],
    credential_stdin: bool,
    **given: Any,
) -> None:
    """Show where a service is built from, or say it anew, all of it."""
    path = f"/api/services/{find.service_id(invocation.api, service)}/source"
    if repository is None:
        show.thing(invocation.api.get(path), as_text=invocation.as_text)
        return
    body: Json = {**given, "repository": repository, "build_args": dict(map(_argument, build_args))}
    if credential_stdin:
        body["credential"] = ask.first_line("credential")
    show.thing(invocation.api.put(path, body), as_text=invocation.as_text)


@builds.command("webhook")
@click.argument("project", metavar="PROJECT")
@click.option("--delete", is_flag=True, help="Take no deliveries any more.")
@yes_option
@click.pass_obj
def webhook(invocation: Invocation, project: str, delete: bool, yes: bool) -> None:
    """Make the secret with which GitHub signs pushes, instead of the one before. It is shown this once."""
    path = f"/api/projects/{find.project_id(invocation.api, project)}/webhook"
    if delete:
        ask.confirmed_by_name("webhook of the project", project, yes=yes)
        invocation.api.delete(path)
        show.said(f"The project {project} takes no deliveries any more.")
        return
    made = invocation.api.create(path, {})
    show.secret(made, as_text=invocation.as_text)
    show.said(f"Enter it at GitHub as the secret of a webhook to {made['url']}")
    show.said("with the content type application/json and the event push.")


@builds.command("deliveries")
@click.argument("project", metavar="PROJECT")
@limit_option
@click.pass_obj
def deliveries(invocation: Invocation, project: str, limit: int) -> None:
    """Show what GitHub has sent, and what followed from it."""
    path = f"/api/projects/{find.project_id(invocation.api, project)}/webhook/deliveries"
    show.listing(invocation.api.listing(path, {}, limit=limit), DELIVERY_COLUMNS, as_text=invocation.as_text)


@builds.command("replay")
@click.argument("project", metavar="PROJECT")
@click.argument("delivery", type=click.IntRange(1))
@click.pass_obj
def replay(invocation: Invocation, project: str, delivery: int) -> None:
    """Build and deploy what would follow from a push if it came now; DELIVERY is a number of `deliveries`."""
    path = f"/api/projects/{find.project_id(invocation.api, project)}/webhook/deliveries/{delivery}/replay"
    show.thing(invocation.api.post(path, {}), as_text=invocation.as_text)


def _argument(text: str) -> tuple[str, str]:
    found = _ARGUMENT.fullmatch(text)
    if found is None:
        raise click.UsageError(f"{text!r} is not NAME=VALUE")
    return found[1], found[2]


def _ended(invocation: Invocation, ended: Json) -> None:
    if invocation.json:
        show.as_json(ended)
    if ended["status"] != "success":
        raise Failure(f"build {ended['id']} ended as {ended['status']}: {ended['error']}", exit=Exit.NO)
    show.said(f"Build {ended['id']} made {ended['image']}.")
    if ended["deployment_id"]:
        show.said(f"It is being deployed: `monoize deployments watch {ended['deployment_id']}`.")
