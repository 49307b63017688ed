"""How long tests wait for what has to happen: a bound that tells a failure, generous to a machine that is busy."""

from typing import Final

PATIENCE_S: Final = 60
