"""Whose things a list shows: everybody's to those who may see them, unless they ask for their own."""

from typing import Annotated, Literal

from fastapi import Query

from monoize.base.principal import Permission
from monoize.dashboard.session import Person

Whose = Annotated[Literal["own", "all"] | None, Query()]


def sees_all(person: Person, whose: Whose, permission: Permission) -> bool:
    return whose != "own" and person.may(permission)


def ways(path: str, person: Person, permission: Permission) -> list[tuple[str, str]]:
    """For `ui.tabs`; nothing to choose for those who see only their own."""
    return [("Everybody's", path), ("Yours", f"{path}?whose=own")] if person.may(permission) else []
