"""A capture holds what was asked, sent, answered and told; no credential is in it, and no request feels it."""

import json
import os
import stat
import time
from pathlib import Path
from typing import Any

import pytest
from gateway.wishes import WISHES, Wish, chat, messages
from support.gateway import KEY, Bench, change, channel, provider
from support.provider import Said, in_events, in_json, serving

from monoize.gateway import captures, recording
from monoize.gateway.captures import Captures

PATH = "/v1/chat/completions"
CREDENTIAL = "sk-upstream-0123456789"
ANSWER = {
    "id": "1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Yes."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}
CHUNK = b'data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[%b]%b}\n\n'
WORD = CHUNK % (b'{"index":0,"delta":{"role":"assistant","content":"Yes."},"finish_reason":null}', b"")
FINISH = CHUNK % (b'{"index":0,"delta":{},"finish_reason":"stop"}', b"")
USAGE = CHUNK % (b"", b',"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}')
DONE = b"data: [DONE]\n\n"
every_wish = pytest.mark.parametrize("wish", WISHES.values(), ids=WISHES)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "captures"


async def kept(bench: Bench, folder: Path) -> list[dict[str, Any]]:
    await bench.captures.run()
    files = sorted(folder.iterdir()) if folder.exists() else []
    return [json.loads(file.read_text("utf-8")) for file in files]


@every_wish
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_what_was_asked_and_told_is_kept_in_every_protocol(
    bench: Bench, folder: Path, wish: Wish, stream: bool
):
    bench.offer(provider(channel("", "echo", "m")))
    change(bench, capture="capture-all")
    path, body = wish.stream_path if stream else wish.path, wish.body("one two", stream=stream)
    reply = await bench.ask(path, body)

    (capture,) = await kept(bench, folder)
    (grant,) = bench.grants.values()
    assert [f"{reply.headers['x-request-id']}.json"] == os.listdir(folder)
    assert (reply.headers["x-request-id"], grant.key_id) == (capture["request_id"], capture["api_key_id"])
    assert ("POST", path.partition("?")[0]) == (capture["asked"]["method"], capture["asked"]["address"])
    assert body == json.loads(capture["asked"]["body"])
    told = capture["told"]
    assert (200, reply.body) == (told["status"], "".join(told.get("frames") or [told["body"]]).encode())
    assert "m" == capture["log"]["model"]


async def test_every_attempt_is_kept_with_what_was_sent_and_what_came(bench: Bench, folder: Path):
    broken = Said(503, b'{"error": {"message": "busy"}}', {"content-type": "application/json", "retry-after": "9"})
    async with serving(broken) as first, serving(in_json(ANSWER)) as second:
        channels = [
            channel(there.base_url, "chat_completion", "m", credential=CREDENTIAL) for there in (first, second)
        ]
        bench.offer(*(provider(each) for each in channels))
        change(bench, capture="capture-all")
        reply = await bench.ask(PATH, chat("hello"))

    (capture,) = await kept(bench, folder)
    failed, answered = capture["attempts"]
    assert 200 == reply.status
    assert [each.id for each in channels] == [failed["channel_id"], answered["channel_id"]]
    for attempt, there in ((failed, first), (answered, second)):
        assert there.asked[0].body.decode() == attempt["sent"]["body"]
        assert f"{there.base_url}/v1/chat/completions" == attempt["sent"]["address"]
        assert ["content-type", "application/json"] in attempt["sent"]["headers"]
    assert (503, broken.body.decode()) == (failed["came"]["status"], failed["came"]["body"])
    assert ["retry-after", "9"] in failed["came"]["headers"]
    assert (200, ANSWER) == (answered["came"]["status"], json.loads(answered["came"]["body"]))


async def test_a_stream_is_kept_event_by_event_and_a_translation_with_what_was_understood(
    bench: Bench, folder: Path
):
    async with serving(in_events(WORD[:20], WORD[20:] + FINISH, USAGE + DONE)) as there:
        bench.offer(provider(channel(there.base_url, "chat_completion", "m")))
        change(bench, capture="capture-all")
        await bench.ask("/v1/messages", messages("hello", stream=True))

    (capture,) = await kept(bench, folder)
    assert [frame.decode() for frame in (WORD, FINISH, USAGE, DONE)] == capture["attempts"][0]["came"]["frames"]
    assert "hello" in json.dumps(capture["understood"])
    assert capture["told"]["frames"][0].startswith("event: message_start")


async def test_no_credential_is_in_it_wherever_it_is_repeated(bench: Bench, folder: Path):
    repeats = in_json({"error": {"message": f"The key {CREDENTIAL} is wrong."}}, 401, **{"set-cookie": "a=secret"})
    async with serving(repeats) as first, serving(in_json(ANSWER)) as second:
        bench.offer(
            provider(channel(f"{first.base_url}", "chat_completion", "m", credential=CREDENTIAL)),
            provider(channel(second.base_url, "messages", "m", credential=CREDENTIAL)),
        )
        change(bench, capture="capture-all")
        cookie = {"cookie": "session=secret", "x-of-their-own": "secret"}
        for headers in ({"authorization": f"Bearer {KEY}"}, {"x-api-key": KEY}, {"x-goog-api-key": KEY}):
            await bench.ask(PATH, chat(f"My key is {KEY}."), key=None, headers=headers | cookie)
        await bench.ask(f"{PATH}?key={KEY}", chat("hello"), key=None)

    await bench.captures.run()
    content = "".join(file.read_text("utf-8") for file in folder.iterdir())
    assert 4 == len(os.listdir(folder))
    assert "The key (secret) is wrong." in content and "My key is (secret)." in content
    assert [] == [secret for secret in (CREDENTIAL, KEY, "=secret", '"secret"') if secret in content]


@pytest.mark.parametrize(
    ("told", "is_abnormal"),
    [
        (in_json(ANSWER), False),
        (in_json({**ANSWER, "usage": {"prompt_tokens": 0, "completion_tokens": 0}}), True),
        (in_json({name: value for name, value in ANSWER.items() if name != "usage"}), True),
        (in_json({"error": {"message": "no"}}, 400), True),
        (in_json({"error": {"message": "no"}}, 503), True),
        (in_events(WORD, cut=True), True),
        (in_events(WORD, FINISH, DONE), True),
        (in_events(WORD, FINISH, USAGE, DONE), False),
    ],
    ids=["good", "nothing used", "no usage", "refused", "failed", "cut", "stream without usage", "good stream"],
)
async def test_only_what_is_abnormal_is_kept_for_who_wants_no_more(
    bench: Bench, folder: Path, told: Said, is_abnormal: bool
):
    async with serving(told) as there:
        bench.offer(provider(channel(there.base_url, "chat_completion", "m")))
        change(bench, capture="capture-only-abnormal")
        await bench.ask(PATH, chat("hello", stream=told.chunks is not None))

    assert int(is_abnormal) == len(await kept(bench, folder))


async def test_a_channel_that_failed_is_abnormal_though_another_answered(bench: Bench, folder: Path):
    async with serving(in_json({}, 503)) as first, serving(in_json(ANSWER)) as second:
        bench.offer(*(provider(channel(there.base_url, "chat_completion", "m")) for there in (first, second)))
        change(bench, capture="capture-only-abnormal")
        assert 200 == (await bench.ask(PATH, chat("hello"))).status

    assert 1 == len(await kept(bench, folder))


async def test_a_refusal_of_our_own_is_kept_where_everything_is(bench: Bench, folder: Path):
    bench.offer(provider(channel("", "echo", "m")))
    for mode, count in (("capture-only-abnormal", 0), ("capture-all", 1)):
        change(bench, capture=mode)
        assert 404 == (await bench.ask(PATH, chat("hello", model="unknown"))).status
        assert count == len(await kept(bench, folder))


async def test_without_the_wish_of_its_key_nothing_is_kept(bench: Bench, folder: Path):
    bench.offer(provider(channel("", "echo", "m")))
    await bench.ask(PATH, chat("hello"))

    assert [] == await kept(bench, folder)


async def test_only_its_owner_can_read_it(bench: Bench, folder: Path):
    bench.offer(provider(channel("", "echo", "m")))
    change(bench, capture="capture-all")
    await bench.ask(PATH, chat("hello"))
    await bench.captures.run()

    (file,) = folder.iterdir()
    assert (0o700, 0o600) == (stat.S_IMODE(folder.stat().st_mode), stat.S_IMODE(file.stat().st_mode))


async def test_what_is_too_much_is_left_out_and_counted(bench: Bench, folder: Path):
    words = [WORD] * (recording.FRAMES_MOST + 10)
    long = CHUNK % (b'{"index":0,"delta":{"content":"%b"}}' % (b"x" * recording.FRAME_MOST), b"")
    async with serving(in_events(long, b"".join(words), FINISH, USAGE, DONE)) as there:
        bench.offer(provider(channel(there.base_url, "chat_completion", "m", weight=1), tries_per_channel=1))
        change(bench, capture="capture-all")
        reply = await bench.ask(PATH, chat("hello", stream=True))

    (capture,) = await kept(bench, folder)
    came = capture["attempts"][0]["came"]["frames"]
    assert long in reply.body and reply.body.endswith(DONE)
    assert (recording.FRAMES_MOST, recording.FRAME_MOST) == (len(came), len(came[0]))
    # Of what came and of what was told: the long one, and those that were too many.
    assert 2 * (len(long) - recording.FRAME_MOST) == capture["left_out"]["bytes"]
    assert 2 * (10 + 1 + 3) - 1 == capture["left_out"]["frames"]


async def test_more_attempts_and_bytes_than_a_capture_may_have_are_left_out(bench: Bench, folder: Path):
    # Twice in the file: as it was asked and as it was sent.
    text = "x" * (recording.REQUEST_MOST // 2)
    async with serving(in_json({}, 503)) as there:
        busy = channel(there.base_url, "chat_completion", "m")
        bench.offer(provider(busy, tries_per_channel=recording.ATTEMPTS_MOST + 4))
        change(bench, capture="capture-all")
        await bench.ask(PATH, chat(text))

    (capture,) = await kept(bench, folder)
    assert recording.ATTEMPTS_MOST == len(capture["attempts"])
    assert 4 == capture["left_out"]["attempts"]
    assert capture["left_out"]["bytes"] > recording.REQUEST_MOST
    assert (folder / f"{capture['request_id']}.json").stat().st_size < 1.1 * recording.REQUEST_MOST


async def test_a_folder_that_cannot_be_written_changes_no_answer(bench: Bench, folder: Path):
    folder.write_text("This is no folder.")
    bench.offer(provider(channel("", "echo", "m")))
    change(bench, capture="capture-all")
    assert 200 == (await bench.ask(PATH, chat("hello"))).status
    await bench.captures.run()
    assert (0, 1) == (bench.captures.written, bench.captures.dropped)

    folder.unlink()
    await bench.ask(PATH, chat("hello"))
    assert 1 == len(await kept(bench, folder))


async def test_a_full_folder_takes_no_more_until_what_is_old_is_gone(bench: Bench, folder: Path):
    bench.captures.folder_most = 3_000
    bench.offer(provider(channel("", "echo", "m")))
    change(bench, capture="capture-all")
    for _ in range(10):
        await bench.ask(PATH, chat("hello"))
    files = len(await kept(bench, folder))
    assert 0 < files < 10
    assert (files, 10 - files) == (bench.captures.written, bench.captures.dropped)

    old_s = time.time() - 86_400 - 1
    for file in folder.iterdir():
        os.utime(file, (old_s, old_s))
    await bench.captures.sweep()
    await bench.ask(PATH, chat("hello"))
    assert 1 == len(await kept(bench, folder))


async def test_what_waits_to_be_written_is_bounded_in_number_and_bytes(bench: Bench, folder: Path):
    bench.offer(provider(channel("", "echo", "m")))
    change(bench, capture="capture-all")
    for _ in range(captures.WAITING_MOST + 3):
        await bench.ask(PATH, chat("hello"))
    assert 3 == bench.captures.dropped
    assert captures.WAITING_MOST == len(await kept(bench, folder))
    # All of the memory is free again.
    assert captures.MEMORY_MOST == bench.captures.grants_room(captures.MEMORY_MOST)

    reply = await bench.ask(PATH, chat("no room for this"))
    assert 200 == reply.status
    last = (await kept(bench, folder))[-1]
    assert "" == last["asked"]["body"] and last["left_out"]["bytes"] > 0


async def test_what_a_stopping_server_has_not_written_is_written_at_its_end(tmp_path: Path, bench: Bench):
    bench.offer(provider(channel("", "echo", "m")))
    change(bench, capture="capture-all")
    await bench.ask(PATH, chat("hello"))
    await bench.captures.close()

    assert 1 == len(os.listdir(tmp_path / "captures"))


async def test_what_was_kept_is_deleted_after_its_time(tmp_path: Path):
    for name, age_s in (("old", 100), ("young", 10)):
        (tmp_path / name).write_text("{}")
        os.utime(tmp_path / name, (time.time() - age_s, time.time() - age_s))

    await Captures(tmp_path, retention_s=60).run()

    assert ["young"] == os.listdir(tmp_path)
