"""How many people watch logs and stats at the same time: each holds a connection to the engine."""

import contextlib
from collections.abc import Iterator
from typing import Final

from monoize.control.projects.errors import TooManyFollowers

FOLLOWERS_MOST: Final = 100
OF_ONE_CALLER_MOST: Final = 20


class Followers:
    def __init__(self, most: int = FOLLOWERS_MOST, of_one_most: int = OF_ONE_CALLER_MOST) -> None:
        self._most, self._of_one_most = most, of_one_most
        self._now: dict[str, int] = {}

    @contextlib.contextmanager
    def one_more(self, caller: str) -> Iterator[None]:
        mine = self._now.get(caller, 0)
        if mine >= self._of_one_most or sum(self._now.values()) >= self._most:
            raise TooManyFollowers
        self._now[caller] = mine + 1
        try:
            yield
        finally:
            left = self._now[caller] - 1
            if left:
                self._now[caller] = left
            else:
                del self._now[caller]
