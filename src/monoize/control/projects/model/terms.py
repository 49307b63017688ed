"""On what terms releases of a service follow one another."""

import dataclasses
from typing import Final

DRAIN_S_MOST: Final = 3_600
TIMEOUT_S_LEAST: Final = 60
TIMEOUT_S_MOST: Final = 7_200


@dataclasses.dataclass(frozen=True, slots=True)
class DeployTerms:
    """`hook` runs once in a container of the new release before it gets requests; where it fails, nothing changes.

    For `drain_s` after the switch both releases run: the old one finishes what it has, the new one is watched.
    """

    hook: tuple[str, ...] | None = None
    drain_s: int = 10
    timeout_s: int = 1_800
