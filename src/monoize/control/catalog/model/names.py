"""What names of models mean that nobody offers: redirects for everybody, and ends that ask for an effort."""

import dataclasses
from collections.abc import Sequence
from typing import Final

from monoize.contract.snapshot import Effort
from monoize.control.catalog.errors import SuffixTwice

REDIRECTS_MOST: Final = 200
SUFFIXES_MOST: Final = 64


@dataclasses.dataclass(frozen=True, slots=True)
class Suffix:
    """A model whose name ends so is the one without it, and thinks this hard."""

    suffix: str
    effort: Effort


def check(suffixes: Sequence[Suffix]) -> None:
    if len({each.suffix for each in suffixes}) < len(suffixes):
        raise SuffixTwice
