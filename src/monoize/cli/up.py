"""`monoize up`: a project made what its `monoize.toml` says: planned, confirmed, applied, watched.

Safe to interrupt and to run again: what was done is seen, and what is left is done.
"""

from pathlib import Path
from typing import Any, Final

import click

from monoize.cli import ask, project_file, show
from monoize.cli.api import Api, Json
from monoize.cli.failure import Exit, Failure
from monoize.cli.find import SEVERAL_MOST
from monoize.cli.invocation import Invocation
from monoize.cli.project_file import NotAsItMustBe, ProjectFile
from monoize.cli.removals import followed
from monoize.cli.secrets import lines_of
from monoize.cli.up_plan import MASK, Plan, Seen, SeenService, Step, planned
from monoize.cli.values import yes_option
from monoize.cli.verb import RemoteVerb
from monoize.cli.watching import watched

_SERVICES_MOST: Final = 1_000


@click.command("up", cls=RemoteVerb)
@click.option(
    "--file",
    type=click.Path(path_type=Path, dir_okay=False),
    default=project_file.DEFAULT,
    show_default=True,
    help="The project's file.",
)
@click.option("--dry-run", is_flag=True, help="Only show the plan; exit with 4 if there is anything to do.")
@click.option("--prune", is_flag=True, help="Remove services and routes that the file does not name.")
@click.option(
    "--secrets-from",
    metavar="FILE",
    type=click.Path(dir_okay=False, allow_dash=True),
    help="Lines KEY=VALUE with secrets that the file names and nobody has set; - is stdin.",
)
@yes_option
@click.pass_obj
def up(invocation: Invocation, file: Path, dry_run: bool, prune: bool, secrets_from: str | None, yes: bool) -> None:
    """Make a project what its file says: show the plan, ask, do it, and watch until it serves."""
    wanted = project_file.read(file)
    given = lines_of(secrets_from) if secrets_from else {}
    plan = _plan(invocation.api, wanted, prune)
    _show(invocation, plan)
    if not plan.steps and not plan.deploys:
        show.said("Everything is as the file says.")
        return
    if dry_run:
        raise Failure(f"this would do {len(plan.steps)} things and deploy {len(plan.deploys)}", exit=Exit.DIFFERS)
    if not yes:
        ask.terminal_or("--yes")
        click.confirm("Do this?", err=True, abort=True)
    _apply(invocation.api, wanted, plan, given)


def _plan(api: Api, wanted: ProjectFile, prune: bool) -> Plan:
    try:
        return planned(wanted, _seen(api, wanted), prune=prune)
    except NotAsItMustBe as problem:
        raise Failure(str(problem), exit=Exit.USAGE) from problem


def _seen(api: Api, wanted: ProjectFile) -> Seen:
    project = next(iter(api.items("/api/projects", {"name": wanted.project}, limit=1)), None)
    services = {}
    if project is not None:
        for service in api.items(f"/api/projects/{project['id']}/services", {}, limit=_SERVICES_MOST):
            path = f"/api/services/{service['id']}"
            services[service["name"]] = SeenService(
                service=service,
                variables={variable["key"] for variable in api.get(f"{path}/env")},
                links={link["name"] for link in api.get(f"{path}/links")},
                routes=list(api.items(f"{path}/routes", {}, limit=_SERVICES_MOST)),
            )
    environments = {each.environment for each in wanted.services} - {None}
    registries = {each.registry for each in wanted.services} - {None}
    return Seen(
        project=project,
        services=services,
        environments=_ids(api, "/api/environments", environments),
        registries=_ids(api, "/api/registries", registries),
    )


def _ids(api: Api, path: str, names: set[str | None]) -> dict[str, int]:
    found = {}
    for name in sorted(str(name) for name in names):
        for item in api.items(path, {"name": name}, limit=SEVERAL_MOST):
            if item["name"] == name:
                found[name] = int(item["id"])
    return found


def _show(invocation: Invocation, plan: Plan) -> None:
    if invocation.json:
        show.as_json(
            {
                "steps": [
                    {
                        "sign": step.sign,
                        "kind": step.kind,
                        "name": step.name,
                        "changes": [
                            {"field": each.field, "before": each.before, "after": each.after}
                            for each in step.changes
                        ],
                    }
                    for step in plan.steps
                ],
                "missing_secrets": dict(plan.missing),
                "deploys": list(plan.deploys),
            }
        )
        return
    for step in plan.steps:
        click.echo(show.clean(f"{step.sign} {step.kind} {step.name}"))
        for each in step.changes:
            before, after = show.value("", each.before), show.value("", each.after)
            click.echo(show.clean(f"    {each.field}: {after if each.before is None else f'{before} → {after}'}"))
    for service, names in plan.missing.items():
        click.echo(show.clean(f"? secrets of {service}: {', '.join(names)}"))
    for service, names in plan.hidden.items():
        show.said(
            f"{', '.join(names)} of {service} is hidden and taken as unchanged; secrets belong under `secrets`."
        )
    if plan.deploys:
        click.echo(show.clean(f"deploy: {', '.join(plan.deploys)}"))


def _apply(api: Api, wanted: ProjectFile, plan: Plan, given: dict[str, str]) -> None:
    project_id = _project(api, wanted, plan)
    for step in plan.steps:
        if step.kind == "service" and step.sign == "+":
            api.create(f"/api/projects/{project_id}/services", {**step.body, "start": False})
            show.said(f"Created {step.name}.")
        elif step.kind == "service" and step.sign == "~":
            api.patch(f"/api/services/{step.id}", {**step.body, "redeploy": False})
            show.said(f"Changed {step.name}.")
    services = {
        service["name"]: int(service["id"])
        for service in api.items(f"/api/projects/{project_id}/services", {}, limit=_SERVICES_MOST)
    }
    for step in plan.steps:
        if step.kind == "links":
            targets = [services[name] for name in step.body["targets"]]
            api.put(f"/api/services/{services[step.service]}/links", {"targets": targets})
    unset = {name: left for name in plan.missing if (left := _set_secrets(api, name, services[name], plan, given))}
    # A route may be made before anything answers behind it: whoever comes meanwhile is told so.
    for step in plan.steps:
        if step.kind == "route":
            _route(api, step, services)
    for name in plan.deploys:
        if name not in unset:
            _deploy(api, name, services[name])
    for step in plan.steps:
        if step.kind == "service" and step.sign == "-":
            followed(api, api.remove(f"/api/services/{step.id}", {"name": step.name}))
            show.said(f"Removed {step.name}; its volumes are left.")
    if unset:
        raise Failure(
            "some secrets are not set, and what needs them was not deployed",
            lines=[f"monoize secrets set {wanted.project}/{name} {key}" for name in unset for key in unset[name]],
            hint="Set them, then run `monoize up` again.",
        )
    show.said(f"{wanted.project} is as the file says.")


def _project(api: Api, wanted: ProjectFile, plan: Plan) -> int:
    for step in plan.steps:
        if step.kind == "project":
            if step.sign == "+":
                return int(api.create("/api/projects", step.body)["id"])
            api.patch(f"/api/projects/{step.id}", step.body)
    return int(next(iter(api.items("/api/projects", {"name": wanted.project}, limit=1)))["id"])


def _set_secrets(api: Api, name: str, service_id: int, plan: Plan, given: dict[str, str]) -> list[str]:
    """Those that are still not set afterwards. Nothing is asked for that the file of secrets holds."""
    values: dict[str, Any] = {}
    for key in plan.missing[name]:
        value = given.get(key) or _asked(name, key)
        if value and value != MASK:
            values[key] = {"value": value}
    if values:
        api.put(f"/api/services/{service_id}/secrets", {"values": values})
        show.said(f"Set {', '.join(values)} of {name}.")
    return [key for key in plan.missing[name] if key not in values]


def _asked(name: str, key: str) -> str:
    if not ask.is_terminal():
        return ""
    typed: str = click.prompt(f"{key} of {name}", hide_input=True, default="", show_default=False, err=True)
    return typed


def _route(api: Api, step: Step, services: dict[str, int]) -> None:
    match step.sign:
        case "+":
            made: Json = api.create(f"/api/services/{services[step.service]}/routes", step.body)
            show.said(f"Route {step.name} is {made['state']}.")
        case "~":
            api.patch(f"/api/routes/{step.id}", step.body)
            show.said(f"Changed the route {step.name}.")
        case _:
            api.delete(f"/api/routes/{step.id}")
            show.said(f"Removed the route {step.name}.")


def _deploy(api: Api, name: str, service_id: int) -> None:
    show.said(f"Deploying {name}.")
    asked = api.create(f"/api/services/{service_id}/deployments", {"reason": "monoize up"})
    ended = watched(api, f"/api/deployments/{asked['id']}")
    if ended["status"] != "live":
        raise Failure(
            f"the deployment of {name} ended as {ended['status']}: {ended['error']}",
            code=ended["error_code"],
            hint=f"`monoize deployments show {ended['id']}` shows what was seen. What served before serves on.",
        )
