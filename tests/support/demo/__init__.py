"""A house that looks lived in: to look at, to measure, and to ask every page for something that is there.

`fill` puts in the many (`many`) and one of each of the other things (`each`); `addresses` says where the pages are.
"""

import datetime as dt

from support.demo.each import Each
from support.demo.many import LARGE, SMALL, TINY, Many, Size
from support.house import Client, RunningHouse

__all__ = ["LARGE", "SMALL", "TINY", "Size", "fill"]


async def fill(house: RunningHouse, root: Client, size: Size, now: dt.datetime) -> None:
    await Many(house.house, size, now).fill()
    await Each(house, root, now).fill()
