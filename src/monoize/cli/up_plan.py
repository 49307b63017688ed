"""What `monoize up` would do: a project's file against what a server has. Pure.

What the file does not say stays as it is. What the server has and the file does not name goes with `--prune` only.
"""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from monoize.cli.api import Json
from monoize.cli.project_file import NotAsItMustBe, ProjectFile, WantedService

MASK = "******"


@dataclasses.dataclass(frozen=True, slots=True)
class SeenService:
    """A service as the server has it, with what belongs to it."""

    service: Json
    variables: Collection[str]
    links: Collection[str]
    routes: Sequence[Json]


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """What a server has of a project; `project` is None when it has none of that name."""

    project: Json | None
    services: Mapping[str, SeenService]
    environments: Mapping[str, int]
    registries: Mapping[str, int]


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    field: str
    before: Any
    after: Any


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """One thing that is made, changed or removed; `body` is what is sent for it."""

    sign: str
    kind: str
    name: str
    changes: Sequence[Change] = ()
    id: int | None = None
    body: Json = dataclasses.field(default_factory=dict)
    service: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    steps: Sequence[Step]
    missing: Mapping[str, Sequence[str]]
    """Secrets that the file names and nobody has set, by service."""
    deploys: Sequence[str]
    """Services of which a release is made, those that others are told of first."""
    hidden: Mapping[str, Sequence[str]]
    """Variables of `env` whose values the server does not show: they are taken as unchanged."""


def planned(file: ProjectFile, seen: Seen, *, prune: bool) -> Plan:
    """NotAsItMustBe where the file names something that is not there."""
    steps: list[Step] = []
    description = {"description": file.description} if file.description is not None else {}
    if seen.project is None:
        steps.append(Step("+", "project", file.project, body={"name": file.project, **description}))
    elif description and seen.project["description"] != file.description:
        change = Change("description", seen.project["description"], file.description)
        steps.append(Step("~", "project", file.project, [change], seen.project["id"], description))
    missing: dict[str, Sequence[str]] = {}
    hidden: dict[str, Sequence[str]] = {}
    deployed: set[str] = set()
    for wanted in file.services:
        found = seen.services.get(wanted.name)
        body = _body(wanted, seen)
        if found and (unknown := _hidden(body.get("env", {}), found.service["env"])):
            hidden[wanted.name] = unknown
        step = _service_step(wanted.name, body, found)
        links = _link_step(wanted, found, file, seen)
        absent = [name for name in wanted.secrets if found is None or name not in found.variables]
        if absent:
            missing[wanted.name] = absent
        steps += [each for each in (step, links) if each]
        if step or links or absent or (found and found.service["release_id"] is None):
            deployed.add(wanted.name)
    for wanted in file.services:
        steps += _route_steps(wanted, seen.services.get(wanted.name), prune)
    if prune:
        named = {wanted.name for wanted in file.services}
        steps += [
            Step("-", "service", name, id=found.service["id"])
            for name, found in seen.services.items()
            if name not in named
        ]
    return Plan(steps, missing, [name for name in _in_order(file) if name in deployed], hidden)


def _body(wanted: WantedService, seen: Seen) -> Json:
    body = dict(wanted.config)
    for field, name, known in (
        ("environment_id", wanted.environment, seen.environments),
        ("registry_id", wanted.registry, seen.registries),
    ):
        if name is not None:
            if name not in known:
                raise NotAsItMustBe(f"{wanted.name}: there is no {field.removesuffix('_id')} {name}")
            body[field] = known[name]
    return body


def _service_step(name: str, body: Json, found: SeenService | None) -> Step | None:
    if found is None:
        return Step("+", "service", name, [Change("image", None, body["image"])], body={"name": name, **body})
    # What a release is made of stands apart from the rest.
    standing = {**found.service, **found.service["config"]}
    changes = [
        Change(field, _like(standing[field], value), value)
        for field, value in body.items()
        if not (_same_env(standing[field], value) if field == "env" else _covers(standing[field], value))
    ]
    if not changes:
        return None
    sent = {
        each.field: {**standing[each.field], **each.after}
        if each.field in ("limits", "health", "deploy")
        else each.after
        for each in changes
    }
    return Step("~", "service", name, changes, found.service["id"], sent)


def _link_step(wanted: WantedService, found: SeenService | None, file: ProjectFile, seen: Seen) -> Step | None:
    if wanted.links is None:
        return None
    there = {service.name for service in file.services} | seen.services.keys()
    unknown = sorted(set(wanted.links) - there)
    if unknown:
        raise NotAsItMustBe(f"{wanted.name}: there is no service {', '.join(unknown)} in this project")
    before = sorted(found.links) if found else []
    after = sorted(set(wanted.links))
    if before == after:
        return None
    change = Change("links", before or None, after)
    return Step("~", "links", wanted.name, [change], body={"targets": after}, service=wanted.name)


def _route_steps(wanted: WantedService, found: SeenService | None, prune: bool) -> Sequence[Step]:
    if wanted.routes is None:
        return ()
    standing = {(route["domain"], route["path"]): route for route in (found.routes if found else ())}
    steps = []
    for route in wanted.routes:
        place = (route["domain"], route["path"])
        name = f"{route['domain']}{route['path']}"
        known = standing.pop(place, None)
        if known is None:
            steps.append(Step("+", "route", name, body=route, service=wanted.name))
            continue
        flat = {**known, **known.get("options", {})}
        changes = [
            Change(field, flat.get(field), value)
            for field, value in route.items()
            if not _equal(flat.get(field), value)
        ]
        if changes:
            body = {each.field: each.after for each in changes}
            steps.append(Step("~", "route", name, changes, known["id"], body, wanted.name))
    if prune:
        steps += [
            Step("-", "route", f"{domain}{path}", id=route["id"], service=wanted.name)
            for (domain, path), route in standing.items()
        ]
    return steps


def _hidden(wanted: Any, standing: Mapping[str, str]) -> Sequence[str]:
    return sorted(key for key in wanted if standing.get(key) == MASK) if isinstance(wanted, dict) else ()


def _same_env(standing: Mapping[str, str], wanted: Any) -> bool:
    return _equal({**standing, **{key: wanted[key] for key in _hidden(wanted, standing)}}, wanted)


def _covers(standing: Any, wanted: Any) -> bool:
    """Whether what is wanted is there; what a table does not name is as it is."""
    match wanted:
        case dict():
            return isinstance(standing, dict) and all(_covers(standing.get(k), v) for k, v in wanted.items())
        case list():
            there = isinstance(standing, list) and len(standing) == len(wanted)
            return there and all(_covers(a, b) for a, b in zip(standing, wanted, strict=True))
        case _:
            return _equal(standing, wanted)


def _equal(standing: Any, wanted: Any) -> bool:
    # 1 and true are the same to Python, and not to a server.
    return bool(standing == wanted) and isinstance(standing, bool) == isinstance(wanted, bool)


def _like(standing: Any, wanted: Any) -> Any:
    """Of what is there, what the file speaks of."""
    if isinstance(standing, dict) and isinstance(wanted, dict):
        return {name: standing.get(name) for name in wanted}
    return standing


def _in_order(file: ProjectFile) -> Sequence[str]:
    """Those that others are told of before these; where they are told of each other, as the file has them."""
    links = {wanted.name: set(wanted.links or ()) for wanted in file.services}
    ordered: list[str] = []
    while links:
        free = [name for name, targets in links.items() if not (targets & links.keys()) - {name}]
        for name in free or list(links)[:1]:
            ordered.append(name)
            del links[name]
    return ordered
