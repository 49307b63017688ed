"""What Anthropic's models take, as far as their names tell.

The rules go by version, so that a new model is right on its first day. A Claude without a version is taken for one
that thinks adaptively, and refused nothing; what is no Claude has its own provider's rules, which we do not know.
"""

import re
from typing import Final, NamedTuple

Version = tuple[int, int]

LAST_BUDGET_ONLY: Final[Version] = (4, 5)
"""From the next one on, models decide themselves how much to think."""
LAST_OF_THE_OLD: Final[Version] = (4, 6)
"""The last one that takes thinking budgets and sampling parameters."""

_FAMILIES: Final = ("opus", "sonnet", "haiku", "fable", "mythos")
_SHORT: Final = ("opus-", "sonnet-", "haiku-")
# A date is no part of the version: `claude-opus-4-20250514` is a 4.0.
_NAME: Final = re.compile(r"(?:claude-)?(?:([a-z]+)-)?(\d{1,2})(?:[.-](\d{1,2}))?(?!\d)")


class Claude(NamedTuple):
    family: str | None = None
    version: Version | None = None

    @property
    def thinks_adaptively(self) -> bool:
        return self.version is None or self.version > LAST_BUDGET_ONLY

    @property
    def is_new(self) -> bool:
        """Takes no budget for its thinking, and no sampling other than the default."""
        return self.version is not None and self.version > LAST_OF_THE_OLD

    @property
    def takes_xhigh(self) -> bool:
        return self.is_new or (self.version is None and self.family != "mythos")

    @property
    def always_thinks(self) -> bool:
        return self.family in ("fable", "mythos") or (self.family == "opus" and self._is_from((5, 5)))

    @property
    def pauses_thinking(self) -> bool:
        """It thinks between its calls even when it does not think otherwise."""
        return self.family == "sonnet" and self._is_from((5, 5))

    @property
    def takes_forced_calls(self) -> bool:
        first = {"opus": (5, 5), "fable": (5, 1), "mythos": (5, 1)}.get(self.family or "")
        return first is None or not self._is_from(first)

    def _is_from(self, version: Version) -> bool:
        return self.version is not None and self.version >= version


def claude_named(model: str) -> Claude | None:
    """None for what is no Claude. Names of other houses around it do not matter: `us.anthropic.claude-…-v1:0`."""
    name = model.lower()
    if "claude" not in name and not name.startswith(_SHORT):
        return None
    name = name[max(0, name.find("claude")) :]
    found = _NAME.match(name)
    if not found:
        return Claude(next((family for family in _FAMILIES if family in name), None))
    family, major, minor = found.groups()
    return Claude(family, (int(major), int(minor or 0)))
