"""A protocol as its two ends write it: a caller that asks and hears, a provider that is asked and answers."""

import dataclasses
from collections.abc import Callable, Sequence

from gateway.grid.meaning import Answered, Asked, Json, Name, Outcome

from monoize.contract.snapshot import ChannelType


@dataclasses.dataclass(frozen=True)
class Tongue:
    name: Name
    channel: ChannelType
    # What the model is called at the provider; the caller calls it `m`.
    model: str
    path: str
    stream_path: str

    # Of the caller: the request; the same with an answer to it and the outcomes of its calls; what is heard.
    ask: Callable[[Asked, bool], Json]
    go_on: Callable[[Json, Json, Sequence[Outcome]], Json]
    gathered: Callable[[bytes], Json]
    heard: Callable[[Json], Answered]

    # Of the provider: what it is asked; its answer, whole and as the events of a stream.
    asked: Callable[[Json], Asked]
    answer: Callable[[Answered], Json]
    frames: Callable[[Answered], list[bytes]]
