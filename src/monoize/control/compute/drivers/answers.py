"""Reading what providers answer: pure functions that stumble over nonsense without anybody taking it for news."""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from monoize.control.compute.model.machines import ProviderAway

P = ParamSpec("P")
T = TypeVar("T")


def understood(provider: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """For what reads answers: one that lacks what it must have tells us nothing."""

    def reading(read: Callable[P, T]) -> Callable[P, T]:
        @functools.wraps(read)
        def careful(*args: P.args, **kwargs: P.kwargs) -> T:
            try:
                return read(*args, **kwargs)
            except (KeyError, IndexError, TypeError, ValueError, AttributeError) as problem:
                raise ProviderAway(provider, f"its answer is not understood ({problem!r})") from problem

        return careful

    return reading
