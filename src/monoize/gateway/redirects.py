"""Which model is meant by the name that was asked for. Pure."""

import functools
from collections.abc import Sequence

from monoize.base.patterns import pattern
from monoize.contract.grant import Grant
from monoize.contract.snapshot import Effort, Redirect, Snapshot
from monoize.gateway.errors import ModelNotAllowed
from monoize.gateway.selection import is_offered, may_use
from monoize.gateway.suffixes import resolved


def meant(name: str, grant: Grant, snapshot: Snapshot) -> tuple[str, Effort | None]:
    """The model, and how hard its name says that it is to think. Who may use a model may say that, too."""
    model = redirected(name, grant.redirects, snapshot.redirects)
    base, effort = resolved(model, snapshot.suffixes, lambda name: is_offered(snapshot, grant, name))
    if not (may_use(grant, model) or may_use(grant, base)):
        raise ModelNotAllowed
    return base, effort


def redirected(model: str, *rules: Sequence[Redirect]) -> str:
    """By the first rule that matches all of the name; what it says is not redirected again."""
    for redirect in (each for some in rules for each in some):
        if _matches(redirect.pattern, model):
            return redirect.model
    return model


@functools.lru_cache(maxsize=8_192)
def _matches(text: str, name: str) -> bool:
    return pattern(text).matches(name)
