"""Templates to begin a record with, read from `templates.toml`. A mistake in it raises ValueError or KeyError."""

import dataclasses
import functools
import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any, Final

from monoize.contract.policies.catalogue import NAMES, PolicyName, check, empty, tighten
from monoize.contract.policies.modes import CEILINGS, Mode
from monoize.contract.policies.safety import SafetyLevel
from monoize.contract.policies.tightening import Document
from monoize.control.governance.errors import NoSuchTemplate

FILE: Final = "templates.toml"
_PACKAGE: Final = "monoize.control.governance"


@dataclasses.dataclass(frozen=True, slots=True)
class Template:
    id: str
    title: str
    description: str
    mode: Mode
    safety_level: SafetyLevel
    requires_human_approval: bool
    policies: Mapping[PolicyName, Document]

    def __post_init__(self) -> None:
        wrong = {name: problems for name, document in self.policies.items() if (problems := check(name, document))}
        if wrong:
            raise ValueError(f"the template {self.id}: {wrong}")

    def prefill(self) -> dict[str, Any]:
        """What a record has of it, where nothing else is said."""
        return {
            "mode": self.mode,
            "safety_level": self.safety_level,
            "requires_human_approval": self.requires_human_approval,
            "policies": self.policies,
        }


@functools.cache
def templates() -> Sequence[Template]:
    content = tomllib.loads(resources.files(_PACKAGE).joinpath(FILE).read_text("utf-8"))
    return [
        _template(f"{id}-{mode}", mode, kind, content["modes"][mode])
        for id, kind in content["kinds"].items()
        for mode in CEILINGS
    ]


def template(id: str) -> Template:
    for found in templates():
        if found.id == id:
            return found
    raise NoSuchTemplate


def _template(id: str, mode: Mode, kind: Mapping[str, Any], of_mode: Mapping[str, Any]) -> Template:
    unknown = {*kind["policies"], *of_mode} - set(NAMES)
    if unknown:
        raise ValueError(f"the template {id} has policies that there are not: {sorted(unknown)}")
    policies = {
        name: tighten(name, kind["policies"].get(name, empty(name)), of_mode.get(name, empty(name)))
        for name in NAMES
        if name in kind["policies"] or name in of_mode
    }
    return Template(
        id=id,
        title=f"{kind['title']} {mode}",
        description=kind["description"],
        mode=mode,
        safety_level=kind["safety_level"],
        requires_human_approval=kind["requires_human_approval"],
        policies=policies,
    )
