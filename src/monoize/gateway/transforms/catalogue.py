"""What each transform of the catalogue does: its module has its name."""

import importlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec

from monoize.contract.transforms.catalogue import CATALOGUE
from monoize.contract.transforms.rule import Config
from monoize.gateway.protocol.urp import Json, Request
from monoize.gateway.transforms.about import About
from monoize.gateway.transforms.retelling import Retelling


class Transform(msgspec.Struct, frozen=True, kw_only=True):
    """What it can do; one of these."""

    request: Callable[[Request, Any, About], Request] | None = None
    fetched: Callable[..., Awaitable[Request]] | None = None
    retold: Callable[[Any, About], Retelling] | None = None
    edited: Callable[[Json, Any], Json] | None = None


def _transform(name: str) -> Transform:
    module = importlib.import_module(f"monoize.gateway.transforms.{name}")
    return Transform(
        request=getattr(module, "request", None),
        fetched=getattr(module, "fetched", None),
        retold=getattr(module, "Retold", None),
        edited=getattr(module, "edited", None),
    )


TRANSFORMS: Final[Mapping[type[Config], Transform]] = {kind: _transform(name) for name, kind in CATALOGUE.items()}
