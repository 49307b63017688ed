"""What the tool used reaches the hub once, whatever happens in between."""

import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from courier.logins import codex_login, moment
from courier.machine import Machine, Operator

Fresh = Callable[[], str]


@pytest.fixture
def working(machine: Machine) -> Machine:
    machine.log_in(codex_login())
    assert machine.courier("sync").code == 0
    return machine


def event(kind: str, payload: dict[str, Any], ahead_s: float = 0) -> str:
    return json.dumps({"timestamp": moment(ahead_s)[:23] + "Z", "type": kind, "payload": payload})


def report(total: int, ahead_s: float = 0) -> str:
    counts = {"input_tokens": total, "cached_input_tokens": 0, "output_tokens": total // 10}
    return event("event_msg", {"type": "token_count", "info": {"total_token_usage": counts}}, ahead_s)


def will_use(machine: Machine, *totals: int, name: str = "a") -> None:
    """Its tool will write a session with these running totals when it is started."""
    lines = [event("session_meta", {}, -1), event("turn_context", {"model": "gpt-6"}), *map(report, totals)]
    told = machine.home / f"{name}.jsonl"
    told.write_text("\n".join(lines) + "\n")
    folder = "$HOME/.codex/sessions/2026/11/21"
    machine.tool.will(f'mkdir -p "{folder}"; cat "{told}" >> "{folder}/rollout-{name}.jsonl"')


def reported(operator: Operator, machine: Machine) -> list[tuple[int, int]]:
    """(input, output) of each report that the hub has of this host."""
    told = operator.ask("GET", f"/usage?host={machine.state['host']['fqdn']}")
    return [(ingest["input_tokens"], ingest["output_tokens"]) for ingest in reversed(told["items"])]


def hub_at(machine: Machine, address: str) -> None:
    file = machine.courier_home / "courier.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "base_url": address}))


def test_a_run_is_reported_once(working: Machine, operator: Operator):
    will_use(working, 100, 250)

    assert working.cdx("work").code == 0
    assert working.courier("sync").code == 0
    assert [(250, 25)] == reported(operator, working)
    assert [] == list((working.courier_home / "spool").glob("*.json"))


def test_what_was_used_without_a_hub_is_reported_when_it_is_back(working: Machine, operator: Operator):
    hub_at(working, "http://127.0.0.1:9")
    will_use(working, 100)
    assert working.cdx("work").code == 0
    working.tool.will("exit 0")

    hub_at(working, operator.address)
    assert working.cdx("work").code == 0
    assert [(100, 10)] == reported(operator, working)


def test_a_report_whose_answer_was_lost_counts_once(working: Machine, operator: Operator):
    will_use(working, 100)
    before = working.state
    assert working.cdx("work").code == 0
    # As if the courier had died before it wrote down what it had sent.
    working.age(sessions=before.get("sessions", {}), scanned_at=before["scanned_at"])

    assert working.courier("sync").code == 0
    assert [(100, 10)] == reported(operator, working)


def test_couriers_that_run_at_once_take_turns_and_report_once(working: Machine, operator: Operator):
    will_use(working, 100)
    working.run("sh", "-c", f". {working.home.parent}/tool/deed")

    with ThreadPoolExecutor() as pool:
        ended = list(pool.map(lambda _: working.courier("sync").code, range(4)))

    assert [0] * 4 == ended
    assert [(100, 10)] == reported(operator, working)


def test_what_was_used_before_the_host_was_enrolled_is_nobodys_business(operator: Operator, machine: Machine):
    folder = machine.codex_home / "sessions" / "2026" / "11" / "20"
    folder.mkdir(parents=True)
    lines = [event("session_meta", {}, -900), event("turn_context", {"model": "gpt-6"}, -899), report(500, -898)]
    (folder / "rollout-old.jsonl").write_text("\n".join(lines) + "\n")
    machine.log_in(codex_login())

    assert machine.courier("sync").code == 0
    assert [] == reported(operator, machine)


def test_what_the_hub_finds_wrong_is_set_aside_and_the_rest_goes_on(working: Machine, operator: Operator):
    spool = working.courier_home / "spool"
    spool.mkdir(exist_ok=True)
    (spool / "0.json").write_text(json.dumps({"usages": [{"total": -1}]}))
    (spool / "1.json").write_text("{")
    (spool / "2.json").write_text(json.dumps({"usages": [{"input": 7, "output": 3, "model": "gpt-6"}]}))

    assert working.courier("sync").code == 0
    assert [(7, 3)] == reported(operator, working)
    assert {"0.json", "1.json"} == {path.name for path in (spool / "refused").iterdir()}
    assert [] == list(spool.glob("*.json"))


def test_the_spool_is_bounded(working: Machine):
    spool = working.courier_home / "spool"
    spool.mkdir(exist_ok=True)
    for number in range(1100):
        (spool / f"{number:04}.json").write_text(json.dumps({"usages": [{"total": -1}]}))
    hub_at(working, "http://127.0.0.1:9")
    will_use(working, 100)

    assert working.cdx("work").code == 0
    assert len(list(spool.glob("*.json"))) == 1000


def test_a_host_outside_of_its_window_still_says_what_it_used(working: Machine, operator: Operator):
    name = working.state["host"]["fqdn"]
    will_use(working, 100)
    operator.ask("PATCH", f"/hosts/{name}", {"secure": False})
    operator.ask("POST", f"/hosts/{name}/window", {"minutes": 10})
    assert working.courier("sync").code == 0
    working.run("sh", "-c", f". {working.home.parent}/tool/deed")
    operator.ask("DELETE", f"/hosts/{name}/window")

    assert working.courier("sync").code == 1
    assert [(100, 10)] == reported(operator, working)


def answer_of_claude(id: str, output: int, ahead_s: float = 0) -> str:
    message = {"id": id, "model": "claude-sonnet-4-6", "usage": {"input_tokens": 100, "output_tokens": output}}
    return json.dumps({"type": "assistant", "timestamp": moment(ahead_s)[:23] + "Z", "message": message})


def answer_of_gemini(id: str, output: int, ahead_s: float = 0) -> dict[str, Any]:
    tokens = {"input": 100, "output": output, "cached": 0, "total": 100 + output}
    return {
        "id": id,
        "type": "gemini",
        "timestamp": moment(ahead_s)[:23] + "Z",
        "model": "gemini-3",
        "tokens": tokens,
    }


@pytest.fixture
def another(operator: Operator, fresh: Fresh, tmp_path: Path) -> Callable[[str], Machine]:
    """A host with another tool, that was in step once."""

    def enrolled(tool: str) -> Machine:
        pool = fresh()
        operator.ask("POST", "/pools", {"name": pool, "tool": tool})
        machine = operator.enrolled(Machine(tmp_path / tool, tool), f"{fresh()}.example.com", pool=pool)
        machine.courier("sync")
        return machine

    return enrolled


def test_answers_of_claude_code_are_reported_once_also_when_a_session_goes_on_in_another(
    another: Callable[[str], Machine], operator: Operator
):
    machine = another("claude")
    folder = machine.home / ".claude" / "projects" / "-home-somebody"
    folder.mkdir(parents=True)
    first, resumed = folder / "first.jsonl", folder / "resumed.jsonl"
    told = answer_of_claude("a", 30)
    first.write_text("\n".join([answer_of_claude("a", 1), told, '{"type": "user"}']))
    machine.courier("sync")
    long_ago = time.time() - 3600
    os.utime(first, (long_ago, long_ago))

    resumed.write_text("\n".join([told, answer_of_claude("b", 5)]))
    (folder / "once-more.jsonl").write_text(answer_of_claude("b", 5))
    machine.courier("sync")
    machine.courier("sync")

    assert [(100, 30), (100, 5)] == reported(operator, machine)


def test_answers_of_gemini_are_reported_from_sessions_of_both_kinds(
    another: Callable[[str], Machine], operator: Operator
):
    machine = another("gemini")
    folder = machine.home / ".gemini" / "tmp" / ("0" * 64) / "chats"
    folder.mkdir(parents=True)
    lines = [{"sessionId": "s", "projectHash": "0"}, answer_of_gemini("a", 7, 1), {"$set": {"summary": "x"}}]
    (folder / "session-2026-11-22T09-00-abcdef01.jsonl").write_text("\n".join(map(json.dumps, lines)))
    whole = {"sessionId": "t", "messages": [answer_of_gemini("b", 11, 1), {"type": "user"}]}
    (folder / "session-2026-11-22T09-00-abcdef02.json").write_text(json.dumps(whole, indent=2))

    machine.courier("sync")
    machine.courier("sync")

    assert [(200, 18)] == reported(operator, machine)
