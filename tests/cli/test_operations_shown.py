"""How an operation is followed: its steps as lines, its end as the exit, and a server that dies in between."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

import pytest

from monoize.cli.api import Api, ConnectionLost
from monoize.cli.failure import Exit, Failure
from monoize.cli.operations import follow, line_of

STARTED, ENDED = "2026-11-01T00:00:00Z", "2026-11-01T00:00:02.500000Z"


def step(name: str, state: str = "done", error: str | None = None) -> dict[str, Any]:
    ended = None if state == "running" else ENDED
    return {
        "name": name,
        "state": state,
        "detail": "somewhere",
        "error": error,
        "started_at": STARTED,
        "ended_at": ended,
    }


def operation(
    state: str, *steps: dict[str, Any], error: str | None = None, undoing: bool = False
) -> dict[str, Any]:
    return {"id": "o", "kind": "create", "state": state, "steps": list(steps), "error": error, "undoing": undoing}


class Told:
    """An API whose streams were told beforehand; one that ends without an end is a server that died."""

    def __init__(self, *streams: list[dict[str, Any] | Failure]) -> None:
        self._streams = list(streams)

    def events(self, path: str, params: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        for told in self._streams.pop(0):
            if isinstance(told, Failure):
                raise told
            yield "operation", told


def followed(*streams: list[dict[str, Any] | Failure]) -> dict[str, Any]:
    return follow(cast(Api, Told(*streams)), "o")


def test_each_step_is_a_line_once_it_has_ended(capsys: pytest.CaptureFixture[str]) -> None:
    create, health = step("create"), step("health")
    followed([operation("running", step("create", "running")), operation("done", create, health)])
    assert capsys.readouterr().err.splitlines() == [line_of(create), line_of(health)]
    assert line_of(create).split() == ["create", "done", "2.5", "s", "somewhere"]


def test_a_failed_one_is_a_failure_with_its_reason() -> None:
    with pytest.raises(Failure) as failed:
        followed([operation("failed", step("create", "failed", "full"), error="full", undoing=True)])
    assert failed.value.exit == Exit.NO and "full" in failed.value.message
    assert failed.value.hint == "Nothing of it was left behind."


def test_a_server_that_dies_is_waited_for() -> None:
    lost = ConnectionLost("the connection was lost", exit=Exit.CANNOT)
    away = Failure("cannot reach it", exit=Exit.CANNOT)
    ended = followed([operation("running"), lost], [away], [operation("done", step("create"))])
    assert ended["state"] == "done"


def test_what_is_not_there_is_not_waited_for() -> None:
    with pytest.raises(Failure, match="no such operation"):
        followed([Failure("no such operation", exit=Exit.NO, code="operation_not_found")])
