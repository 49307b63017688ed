"""What processes of ours are given, and how they end."""

import dataclasses
import os
from pathlib import Path
from typing import Final

TESTS: Final = Path(__file__).parent.parent


@dataclasses.dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


def environment(**changes: str) -> dict[str, str]:
    """What a process of ours inherits: nothing that would change its settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MONOIZE_", "DATABASE_"))}
    return kept | changes
