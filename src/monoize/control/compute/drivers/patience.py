"""How long a verb of a driver may take, whatever it is made of."""

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, Final, ParamSpec, Protocol, TypeVar

from monoize.control.compute.model.machines import ProviderAway

VERB_WITHIN_S: Final = 55.0


class Named(Protocol):
    @property
    def name(self) -> str: ...


D = TypeVar("D", bound=Named)
P = ParamSpec("P")
T = TypeVar("T")


def in_time(
    verb: Callable[Concatenate[D, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[D, P], Coroutine[Any, Any, T]]:
    """A verb of a driver that gives up after `VERB_WITHIN_S`; nobody knows then how far it came."""

    @functools.wraps(verb)
    async def bounded(driver: D, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            async with asyncio.timeout(VERB_WITHIN_S):
                return await verb(driver, *args, **kwargs)
        except TimeoutError as problem:
            raise ProviderAway(driver.name, "it takes too long") from problem

    return bounded
