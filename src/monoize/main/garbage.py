"""How Python looks for garbage in a process that serves: seldom, and not among what stays until the end.

Unasked it looks after every 700 new objects, again and again through everything that was loaded at the start: a
quarter of the time that money takes. Cycles are rare here; what has none is freed at once in any case.
"""

import gc
from typing import Final

_THRESHOLDS: Final = (50_000, 10, 10)


def collect_seldom() -> None:
    """To be called once everything is loaded."""
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
