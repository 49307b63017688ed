"""What an agent of each mode can be permitted at most: no policy lifts it above this."""

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

Mode = Literal["orchestrator", "worker", "dispatcher", "reviewer", "observer"]
ToolReach = Literal["none", "read_only", "all"]


class Ceiling(msgspec.Struct, frozen=True, kw_only=True):
    tools: ToolReach
    spawns: bool = False
    hands_over: bool = False
    files_findings: bool = False
    approves: bool = False

    def allows_tool(self, *, mutates: bool) -> bool:
        return self.tools == "all" or (self.tools == "read_only" and not mutates)


CEILINGS: Final[Mapping[Mode, Ceiling]] = {
    "orchestrator": Ceiling(tools="all", spawns=True, hands_over=True, files_findings=True),
    "worker": Ceiling(tools="all", files_findings=True),
    "dispatcher": Ceiling(tools="read_only", hands_over=True),
    "reviewer": Ceiling(tools="read_only", files_findings=True, approves=True),
    "observer": Ceiling(tools="none"),
}
