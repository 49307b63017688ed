"""How the validations of a pool's credential went, and when the next one is due. Pure."""

import dataclasses
import datetime as dt
import json
from typing import Any, Final

from monoize.control.fleet.model.versions_block import RunnerState

EVERY: Final = dt.timedelta(hours=8)
AGAIN_AFTER_FAILURE: Final = dt.timedelta(minutes=15)


@dataclasses.dataclass(frozen=True, slots=True)
class Validations:
    """`payload_id` is what was validated last; `check` is when a runner last gave an answer of any kind."""

    payload_id: int | None = None
    works: bool | None = None
    ok: dt.datetime | None = None
    fail: dt.datetime | None = None
    check: dt.datetime | None = None

    def after(self, payload_id: int, *, works: bool, now: dt.datetime) -> "Validations":
        ok, fail = (now, self.fail) if works else (self.ok, now)
        return Validations(payload_id, works, ok, fail, now)

    def is_due(self, payload_id: int, now: dt.datetime) -> bool:
        if payload_id != self.payload_id or self.check is None:
            return True
        return now >= self.check + (EVERY if self.works else AGAIN_AFTER_FAILURE)

    @property
    def state(self) -> RunnerState:
        if self.works is None:
            return RunnerState()
        return RunnerState("ok" if self.works else "fail", self.ok, self.fail, self.check)


def name_of(pool_id: str) -> str:
    """The row of `versions` that holds them."""
    return f"runner:{pool_id}"


def written(validations: Validations) -> str:
    values = dataclasses.asdict(validations)
    return json.dumps({name: _seconds(value) for name, value in values.items()}, separators=(",", ":"))


def read(text: str | None) -> Validations:
    """What cannot be read counts as never validated: then it is done anew."""
    try:
        values: dict[str, Any] = json.loads(text or "{}")
        times = {name: _time(values.get(name)) for name in ("ok", "fail", "check")}
        return Validations(values.get("payload_id"), values.get("works"), **times)
    except (ValueError, TypeError, AttributeError, OverflowError):
        return Validations()


def _seconds(value: object) -> object:
    return int(value.timestamp()) if isinstance(value, dt.datetime) else value


def _time(seconds: int | None) -> dt.datetime | None:
    return None if seconds is None else dt.datetime.fromtimestamp(seconds, dt.UTC)
