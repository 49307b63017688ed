import datetime as dt
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from monoize.infra import log

STYLES = pytest.mark.parametrize("style", ["console", "json"])


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Configuring is for a whole process; the next test wants its own."""
    handlers, level, configured = logging.root.handlers[:], logging.root.level, structlog.get_config()
    yield
    structlog.configure(**configured)
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def written(capsys: pytest.CaptureFixture[str]) -> str:
    streams = capsys.readouterr()
    assert "" == streams.out
    return streams.err


@STYLES
@pytest.mark.parametrize(
    "name",
    [
        "password",
        "new_password",
        "Secret",
        "token",
        "session_token",
        "Authorization",
        "cookie",
        "api_key",
        "apikey",
    ],
)
def test_a_value_under_a_name_that_sounds_secret_is_not_written(capsys, style: Any, name: str):
    log.configure("info", style)
    structlog.get_logger().info("happened", **{name: "hunter2", "user": "ada"})

    line = written(capsys)
    assert "hunter2" not in line
    assert "(secret)" in line
    assert "ada" in line


@STYLES
def test_a_traceback_does_not_show_the_values_of_variables(capsys, style: Any):
    log.configure("info", style)
    password = "hunter" + str(len("ab"))
    try:
        raise ValueError(f"{len(password)} characters")
    except ValueError:
        structlog.get_logger().exception("failed")

    shown = written(capsys)
    assert "hunter2" not in shown
    assert "7 characters" in shown


@STYLES
def test_only_what_is_severe_enough_is_written(capsys, style: Any):
    log.configure("warning", style)
    for level in ("debug", "info", "warning", "error"):
        getattr(structlog.get_logger(), level)(f"said at {level}")

    shown = written(capsys)
    assert ["warning", "error"] == [word for word in ("debug", "info", "warning", "error") if f"at {word}" in shown]


def test_a_json_line_holds_event_level_time_and_values(capsys):
    log.configure("info", "json")
    with structlog.contextvars.bound_contextvars(request_id="r1"):
        structlog.get_logger().info("request", status=200, path="/ü")

    line = json.loads(written(capsys))
    assert {"event": "request", "level": "info", "request_id": "r1", "status": 200, "path": "/ü"} == {
        name: value for name, value in line.items() if name != "timestamp"
    }
    age = dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(line["timestamp"])
    assert dt.timedelta(0) <= age < dt.timedelta(seconds=5)


def test_each_json_event_is_one_line_whatever_it_holds(capsys):
    log.configure("info", "json")
    structlog.get_logger().info("two\nlines", value="a\nb\r\u2028c")

    assert 1 == written(capsys).count("\n")
