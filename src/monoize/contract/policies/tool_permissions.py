"""Which tools an agent may call, with which arguments and where."""

from collections.abc import Sequence
from typing import Annotated, Final, Literal

import msgspec

from monoize.base.patterns import pattern
from monoize.contract.policies.tightening import Document, Policy, Rule
from monoize.contract.policies.words import Glob, Globs, Text

Effect = Literal["allow", "dry_run", "approve", "deny"]
EFFECTS: Final[Sequence[Effect]] = ("allow", "dry_run", "approve", "deny")
"""The loosest first."""

Pointer = Annotated[str, msgspec.Meta(pattern=r"^(/([ -.0-}]|~[01])*)+$(?!\n)", max_length=256)]
Value = Text | int | bool | None


class Argument(Policy, frozen=True, kw_only=True):
    """What the argument has to be like for a rule to hold; all that is said."""

    enum: tuple[Value, ...] | None = None
    pattern: Annotated[str, msgspec.Meta(min_length=1, max_length=128, pattern=r"^[ -~]+$(?!\n)")] | None = None
    max: Annotated[float, msgspec.Meta(ge=-(2**53), le=2**53)] | None = None

    def __post_init__(self) -> None:
        if self.pattern is not None:
            pattern(self.pattern)


class ToolRule(Policy, frozen=True, kw_only=True):
    """Holds where all that it says holds; a list that it does not say holds for everything."""

    tool: Glob
    effect: Effect
    operations: Globs | None = None
    args: dict[Pointer, Argument] = {}
    environments: Globs | None = None


class ToolRules(Policy, frozen=True, kw_only=True):
    """The strictest rule that holds decides; without any, `default`: "deny" unless safety is permissive."""

    default: Literal["allow", "deny"] | None = None
    rules: tuple[ToolRule, ...] = ()


class ToolPermissions(ToolRules, frozen=True, kw_only=True):
    """`outer` are the rules of all levels farther out: what each of them says is asked, and the strictest wins."""

    outer: tuple[ToolRules, ...] = ()


def _surrounded(kind: type[ToolPermissions], outer: Document, inner: Document) -> Document:
    """Rules of two levels cannot be one list: a permission in one must not undo what the other leaves denied."""
    levels = [*_levels(outer), *_levels(inner)]
    distinct = [level for at, level in enumerate(levels) if level not in levels[:at]]
    return {**distinct[-1], **({"outer": distinct[:-1]} if distinct[:-1] else {})}


def _levels(document: Document) -> list[Document]:
    own = {name: value for name, value in document.items() if name != "outer"}
    return [*document.get("outer", ()), own]


Tools = Annotated[ToolPermissions, Rule(_surrounded)]
