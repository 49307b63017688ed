"""What may start, which files change, what was used: every decision of the courier that needs no machine."""

import json
import tomllib
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from monoize.courier.courier import (
    GRACE_S,
    TOOLS,
    Counts,
    Message,
    Refused,
    claude_message,
    gemini_message,
    launch_after_refusal,
    launch_offline,
    place_of,
    quota_in,
    service,
    steps,
    usage_rows,
    used_by,
    used_since,
    with_gateway,
    without_gateway,
)

NOW = 1_800_000_000.0
HUB, KEY = "https://hub.example.com", "ab" * 32
NAMES = st.text(st.sampled_from("abc"), min_size=1, max_size=2)
DIGESTS = st.sampled_from(["1", "2", "3"])


@pytest.mark.parametrize(
    "code",
    [
        *("key_missing", "key_invalid", "host_disabled", "ip_denied", "window_closed", "installation_mismatch"),
        *("api_disabled", "rate_limited", "runner_required", "runner_unavailable", "runner_rejected"),
        *("validation_failed", "conflict", "canonical_invalid", "no_login", "http_500", "http_503", "whatever"),
    ],
)
def test_whatever_the_hub_refuses_does_not_start(code: str):
    verdict = launch_after_refusal(Refused(code, "for a reason"))

    assert not verdict.starts
    assert verdict.reason


@pytest.mark.parametrize("secure", [True, False])
@pytest.mark.parametrize(("beyond_s", "starts"), [(-1, True), (0, True), (1, False)])
def test_offline_a_host_works_as_long_as_its_kind_may(secure: bool, beyond_s: int, starts: bool):
    contact_at = NOW - GRACE_S[secure] - beyond_s

    assert starts == launch_offline(NOW, contact_at, None, secure=secure, has_login=True).starts


@pytest.mark.parametrize(
    ("contact_at", "refusal", "has_login", "starts"),
    [
        (NOW, None, True, True),
        (NOW, None, False, False),
        (None, None, True, False),
        (NOW, "api_disabled", True, False),
        (NOW, "ip_denied", True, False),
        (NOW + 300, None, True, True),
        (NOW + 301, None, True, False),
    ],
)
def test_offline_what_the_hub_said_last_counts(
    contact_at: float | None, refusal: str | None, has_login: bool, starts: bool
):
    assert starts == launch_offline(NOW, contact_at, refusal, secure=True, has_login=has_login).starts


@pytest.mark.parametrize(
    ("answer", "refuses", "reasons"),
    [
        ({}, False, 0),
        ({"quota_verdict": "ok", "quota_reasons": []}, False, 0),
        ({"quota_verdict": "warn", "quota_reasons": ["week", "day"]}, False, 2),
        ({"quota_verdict": "refuse", "quota_reasons": ["five_hours", "something new"]}, True, 2),
        ({"quota_verdict": "refuse", "quota_reasons": None}, True, 0),
    ],
)
def test_the_hub_decides_whether_the_allowance_is_enough(answer: dict[str, Any], refuses: bool, reasons: int):
    quota = quota_in(answer)

    assert (refuses, reasons) == (quota.refuses, len(quota.reasons))


@given(
    st.dictionaries(NAMES, DIGESTS),
    st.dictionaries(NAMES, DIGESTS),
    st.dictionaries(NAMES, st.none() | DIGESTS),
)
def test_files_end_as_wanted_and_nobody_elses_is_removed(
    wanted: dict[str, str], installed: dict[str, str], present: dict[str, str | None]
):
    plan = steps(wanted, installed, present)
    after = {path: sha256 for path, sha256 in present.items() if path not in plan.remove}
    after |= {path: wanted[path] for path in plan.write}

    assert all(after[path] == sha256 for path, sha256 in wanted.items())
    assert all(present.get(path) == installed.get(path) for path in plan.remove)
    assert not set(plan.remove) & set(wanted)
    for path in set(present) - set(wanted) - set(installed):
        assert present[path] == after[path]


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", ".bashrc", "a/b", "", "a" * 65, "a\n", "-"])
def test_a_name_cannot_lead_out_of_its_folder(name: str):
    for tool in TOOLS.values():
        for kind in tool.places:
            assert place_of(tool, kind, name) is None
    assert place_of(TOOLS["codex"], "binary", "x") is None


LINES = st.lists(
    st.sampled_from(
        ['model = "gpt-6"', 'model_provider = "mine"', "", "# a comment", "[tools]", "web = true", "  x = 1"]
    ),
    max_size=8,
)


@given(LINES)
def test_a_config_is_after_the_gateway_what_it_was_before(lines: list[str]):
    text = "".join(f"{line}\n" for line in lines)
    through = with_gateway(TOOLS["codex"], text, HUB, KEY)

    assert text == without_gateway(TOOLS["codex"], through)
    assert through == with_gateway(TOOLS["codex"], through, HUB, KEY)


@given(LINES)
def test_codex_works_through_the_gateway_whatever_its_user_configured(lines: list[str]):
    text = "".join(f"{line}\n" for line in lines)
    try:
        own = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        assume(False)
    through = tomllib.loads(with_gateway(TOOLS["codex"], text, HUB, KEY))

    assert "monoize" == through["model_provider"]
    provider = through.pop("model_providers")["monoize"]
    assert (f"{HUB}/v1", KEY) == (provider["base_url"], provider["experimental_bearer_token"])
    assert {**own, "model_provider": "monoize"} == through


@given(st.dictionaries(st.text(), st.integers() | st.text() | st.dictionaries(st.text(), st.text())))
def test_claude_keeps_every_setting_of_its_user(settings: dict[str, Any]):
    settings = {name: value for name, value in settings.items() if name != "env"}
    text = json.dumps({**settings, "env": {"MINE": "1"}})
    through = json.loads(with_gateway(TOOLS["claude"], text, HUB, KEY))

    assert {"MINE": "1", "ANTHROPIC_BASE_URL": HUB, "ANTHROPIC_AUTH_TOKEN": KEY} == through["env"]
    assert json.loads(text) == json.loads(without_gateway(TOOLS["claude"], json.dumps(through)))


def session(*events: tuple[int, Any]) -> list[str]:
    """Lines of a session; a text is the model of the next turn, a tuple the totals so far."""
    lines = [event(0, "session_meta", {})]
    for second, what in events:
        if isinstance(what, str):
            lines.append(event(second, "turn_context", {"model": what}))
        else:
            names = ("input_tokens", "cached_input_tokens", "output_tokens", "reasoning_output_tokens")
            info = {"total_token_usage": dict(zip(names, what, strict=True))}
            lines.append(event(second, "event_msg", {"type": "token_count", "info": info}))
    return lines


def event(second: int, kind: str, payload: dict[str, Any]) -> str:
    moment = f"2026-11-21T15:00:{second:02}.000Z"
    return json.dumps({"timestamp": moment, "type": kind, "payload": payload}) + "\n"


def test_running_totals_count_once_for_the_model_that_used_them():
    lines = session((1, "gpt-6"), (2, (100, 40, 10, 5)), (3, (100, 40, 10, 5)), (4, "mini"), (5, (150, 60, 30, 5)))
    used = used_since(lines, "")

    assert {"gpt-6": (100, 40, 10, 5), "mini": (50, 20, 20, 0)} == used.by_model
    assert [
        {"model": "gpt-6", "total": 70, "input": 60, "cached": 40, "output": 10, "reasoning": 5},
        {"model": "mini", "total": 50, "input": 30, "cached": 20, "output": 20, "reasoning": 0},
    ] == usage_rows(used.by_model)


@given(st.lists(st.tuples(*[st.integers(0, 1000)] * 4), min_size=1, max_size=20), st.integers(0, 20))
def test_a_session_that_is_read_in_two_parts_counts_as_when_read_at_once(added: list[tuple[int, ...]], part: int):
    totals = [tuple(map(sum, zip(*added[: end + 1], strict=True))) for end in range(len(added))]
    lines = session((1, "gpt-6"), *((second + 2, total) for second, total in enumerate(totals)))

    whole = used_since(lines, "")
    first = used_since(lines[: 2 + part], "")
    second = used_since(lines, first.until)
    together = [first.by_model.get("gpt-6", (0,) * 4), second.by_model.get("gpt-6", (0,) * 4)]

    assert tuple(map(sum, zip(*together, strict=True))) == whole.by_model.get("gpt-6", (0,) * 4)
    assert {} == used_since(lines, whole.until).by_model


@given(st.lists(st.text() | st.builds(json.dumps, st.recursive(st.none() | st.text(), st.lists)), max_size=5))
def test_no_line_of_a_session_is_too_strange(lines: list[str]):
    strange = ['"token_count"', '{"token_count": 1', '{"timestamp": 1, "payload": {"type": "token_count"}}']

    assert {} == used_since([*lines, *strange], "").by_model


def test_an_answer_of_claude_code_is_counted_as_its_session_tells_it():
    usage = {
        "input_tokens": 3,
        "cache_creation_input_tokens": 20,
        "cache_read_input_tokens": 100,
        "output_tokens": 7,
    }
    line = {
        "type": "assistant",
        "timestamp": "2026-11-21T15:00:01.000Z",
        "requestId": "req_1",
        "message": {"id": "msg_1", "model": "claude-sonnet-4-6", "usage": usage},
    }

    found = claude_message(line)

    assert Message("msg_1", line["timestamp"], "claude-sonnet-4-6", Counts(123, 100, 7)) == found
    assert found is not None
    assert [
        {"model": "claude-sonnet-4-6", "total": 30, "input": 23, "cached": 100, "output": 7, "reasoning": 0}
    ] == (usage_rows({found.model: found.counts}))


def test_an_answer_of_gemini_is_counted_as_its_session_tells_it():
    tokens = {"input": 100, "output": 7, "cached": 40, "thoughts": 5, "tool": 2, "total": 114}
    line = {"id": "1", "timestamp": "2026-11-21T15:00:01.000Z", "type": "gemini", "model": "m", "tokens": tokens}

    assert Message("1", line["timestamp"], "m", Counts(102, 40, 12, 5)) == gemini_message(line)
    assert gemini_message({**line, "type": "user"}) is gemini_message({**line, "tokens": None}) is None


@given(st.recursive(st.none() | st.text() | st.integers(), lambda inner: st.dictionaries(st.text(), inner)))
def test_no_line_of_other_tools_is_too_strange(value: Any):
    for line in (value, {"type": "assistant", "message": value}, {"type": "gemini", "tokens": value, "id": value}):
        if isinstance(line, dict):
            for message in (claude_message, gemini_message):
                found = message(line)
                assert found is None or all(count >= 0 for count in found.counts)


GROWING = st.lists(st.tuples(st.sampled_from("abcd"), *[st.integers(0, 100)] * 4), max_size=20)


@given(GROWING, st.integers(0, 20))
def test_answers_that_grow_count_once_however_often_they_are_read_and_copied(told: list[Any], part: int):
    lines = [
        Message(id, f"2026-11-21T15:00:{second:02}.000Z", "m", Counts(*counts))
        for second, (id, *counts) in enumerate(told)
    ]
    most = {
        id: Counts(*map(max, zip(Counts(), *(counts for of, *counts in told if of == id), strict=True)))
        for id in "abcd"
    }
    whole = Counts(*map(sum, zip(*most.values(), strict=True)))

    first = used_by(lines[:part], "", seen := {})
    copied = used_by(lines[:part], "", seen)
    second = used_by(lines, first.until, {})

    assert {} == copied.by_model
    both = [first.by_model.get("m", Counts()), second.by_model.get("m", Counts())]
    assert whole == Counts(*map(sum, zip(*both, strict=True)))


def test_a_unit_survives_every_path():
    text = service("/opt/a b/python", '/home/100%/"x"/$HOME.py', "/home/$a b")

    assert 'ExecStart="/opt/a b/python" "/home/100%%/\\"x\\"/$$HOME.py" sync' in text
    assert 'Environment="HOME=/home/$a b"' in text
