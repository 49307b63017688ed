"""The pages that every page leads to. A room adds its line here."""

import dataclasses
from typing import Final

from monoize.base.principal import Permission


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    label: str
    path: str
    permission: Permission = "self"

    def current(self, path: str) -> bool:
        return path == self.path or (self.path != "/" and path.startswith(self.path + "/"))


NAVIGATION: Final = (
    Entry("Home", "/"),
    Entry("API keys", "/keys"),
    Entry("Users", "/users", "users.read"),
    Entry("Audit log", "/audit", "audit.read"),
)
