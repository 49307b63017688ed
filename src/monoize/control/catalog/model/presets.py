"""Well-known upstreams, read from `provider_presets.toml`. A mistake in it raises ValueError or KeyError."""

import dataclasses
import functools
import tomllib
from collections.abc import Sequence
from importlib import resources
from typing import Final, get_args

from monoize.base.urls import canonical_base
from monoize.contract.snapshot import ChannelType

FILE: Final = "provider_presets.toml"
_PACKAGE: Final = "monoize.control.catalog"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    id: str
    title: str
    type: ChannelType
    base_url: str
    price_provider: str
    needs_key: bool = True

    def __post_init__(self) -> None:
        if self.type not in get_args(ChannelType) or self.base_url != canonical_base(self.base_url):
            raise ValueError(f"the preset {self.id} has no usable type or base URL")


@functools.cache
def presets() -> Sequence[Preset]:
    content = tomllib.loads(resources.files(_PACKAGE).joinpath(FILE).read_text("utf-8"))
    return [Preset(id=id, **fields) for id, fields in content.items()]
