"""What passes between two who speak this protocol, read on its way by: its bytes go on as they are.

Of each frame only the members that tell something are read.
"""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from monoize.gateway.protocol.chat import calls
from monoize.gateway.protocol.chat.problems import embedded_failure, failure_of
from monoize.gateway.protocol.chat.stream_in import FAILED, INVALID
from monoize.gateway.protocol.chat.usage import merged, read_report, read_usage
from monoize.gateway.protocol.chat.wire import DONE_DATA, FAILURE, NOT_JSON, json_object
from monoize.gateway.protocol.fields import told_list, told_object, told_text
from monoize.gateway.protocol.urp import Failed, Json, Usage


class _Message(msgspec.Struct):
    """A whole one, or a piece."""

    content: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    refusal: Any = None
    tool_calls: Any = None
    function_call: Any = None
    audio: Any = None
    images: Any = None
    reasoning_details: Any = None


class _Choice(msgspec.Struct):
    delta: _Message | None = None
    message: _Message | None = None
    finish_reason: Any = None
    usage: Any = None
    error: Any = None


class _Answer(msgspec.Struct):
    choices: list[_Choice] | None = None
    model: Any = None
    usage: Any = None
    x_groq: Any = None
    service_tier: Any = None
    error: Any = None


class _Words(msgspec.Struct):
    """A piece as nearly all are: some more words, and nothing else that would have to be noted."""

    content: str
    refusal: None = None
    reasoning_content: None = None
    reasoning: None = None
    tool_calls: None = None
    function_call: None = None
    audio: None = None
    images: None = None
    reasoning_details: None = None


class _ChoiceOfWords(msgspec.Struct):
    delta: _Words
    finish_reason: None = None
    usage: None = None
    error: None = None


class _WordsAlone(msgspec.Struct):
    choices: tuple[_ChoiceOfWords]
    usage: None = None
    x_groq: None = None
    service_tier: None = None
    error: None = None


_answer: Final = msgspec.json.Decoder(_Answer)
_words_alone: Final = msgspec.json.Decoder(_WordsAlone)


class Watched(msgspec.Struct, kw_only=True):
    report: Json | None = None
    """The usage object of the wire."""
    is_semantic: bool = False
    """Something of the answer was seen: of an empty beginning there may be another one."""
    is_complete: bool = False
    error: Failed | None = None
    model: str | None = None
    service_tier: str | None = None
    output_chars: int = 0

    @property
    def usage(self) -> Usage | None:
        usage = read_usage(self.report) if self.report else None
        return usage if usage is None else msgspec.structs.replace(usage, service_tier=self.service_tier)


class Watcher(Watched, kw_only=True):
    """`see` is shown every event of a stream, in order."""

    def see(self, event: str | None, data: bytes) -> None:
        if data.strip() == DONE_DATA:
            return
        try:
            answer = _answer.decode(data)
        except NOT_JSON:
            # Whoever receives it will find out as well; it proves nothing.
            _note_all(self, json_object(data) or {})
            return
        if event == "error" or (answer.choices is None and answer.usage is None) or answer.error:
            self._note_failure(event, json_object(data) or {})
        _note(self, answer)

    def hears_words(self, event: str | None, data: bytes) -> bool:
        if event is not None or self.model is None:
            return False
        try:
            words = _words_alone.decode(data).choices[0].delta.content
        except NOT_JSON:
            return False
        self.output_chars += len(words)
        return bool(words)

    def _note_failure(self, event: str | None, chunk: Json) -> None:
        self.error = self.error or (failure_of(chunk) if event == "error" else embedded_failure(chunk))


def watch_response(body: bytes) -> Watched:
    """The same facts of a whole answer."""
    try:
        answer = _answer.decode(body)
    except NOT_JSON:
        return _watch_with_care(body, None)
    if not answer.choices or answer.choices[0].message is None or answer.error:
        return _watch_with_care(body, answer)
    watched = Watched()
    _note(watched, answer)
    if watched.error is None:
        # It is here as a whole, whether it says why it ended or not.
        watched.is_semantic = watched.is_complete = True
    return watched


def _watch_with_care(body: bytes, answer: _Answer | None) -> Watched:
    """What is no answer, or one with other types than it should have."""
    watched, found = Watched(), json_object(body)
    if found is None:
        watched.error = Failed(message="The provider's answer is no JSON.", code=INVALID)
        return watched
    watched.error = embedded_failure(found)
    if answer is not None:
        _note(watched, answer)
    else:
        _note_all(watched, found)
    choice = next(iter(told_list(found.get("choices")) or ()), None)
    if isinstance(choice, dict) and isinstance(choice.get("message"), dict) and watched.error is None:
        watched.is_semantic = watched.is_complete = True
    elif watched.error is None:
        watched.error = Failed(message="The provider's answer has no message.", code=INVALID)
    return watched


def _note(watched: Watched, answer: _Answer) -> None:
    choices = answer.choices or ()
    watched.model = watched.model or told_text(answer.model) or None
    watched.service_tier = told_text(answer.service_tier) or watched.service_tier
    if isinstance(answer.usage, dict) and answer.usage:
        watched.report = merged(watched.report, answer.usage)
    elif (choices and choices[0].usage) or answer.x_groq:
        in_choice = [{"usage": choices[0].usage}] if choices else []
        _note_usage(watched, {"choices": in_choice, "x_groq": answer.x_groq})
    for choice in choices:
        if choice.error or choice.finish_reason == FAILURE:
            known = embedded_failure({"choices": [], "error": choice.error})
            watched.error = watched.error or known or Failed(message="The provider reports an error.", code=FAILED)
            continue
        chars, is_something = _seen(choice.delta or choice.message or _Message())
        watched.output_chars += chars
        if told_text(choice.finish_reason):
            watched.is_complete = is_something = True
        watched.is_semantic = watched.is_semantic or is_something


def _note_all(watched: Watched, chunk: Json) -> None:
    """Of what has other types than it should."""
    watched.error = watched.error or embedded_failure(chunk)
    watched.model = watched.model or told_text(chunk.get("model")) or None
    _note_usage(watched, chunk)


def _note_usage(watched: Watched, body: Json) -> None:
    report = read_report(body)
    if report:
        watched.report = merged(watched.report, report)


def _seen(message: _Message) -> tuple[int, bool]:
    """(visible characters, whether there is anything)"""
    if _is_text(message):
        return len(message.content), bool(message.content)
    texts = [told_text(text) or "" for text in (message.content, message.refusal)]
    if isinstance(message.content, list):
        texts += _texts(message.content)
    details = told_list(message.reasoning_details) or []
    thought = told_text(message.reasoning_content) or told_text(message.reasoning)
    texts += [thought] if thought else _texts(details)
    called = [*(told_list(message.tool_calls) or []), *([message.function_call] if message.function_call else [])]
    texts += [text for call in called for text in _call_texts(call)]
    chars = sum(map(len, texts))
    return chars, bool(chars or called or details or message.audio or message.images)


def _is_text(message: _Message) -> bool:
    """And nothing besides, as nearly all are."""
    return (
        isinstance(message.content, str)
        and message.refusal is None
        and message.reasoning_content is None
        and message.reasoning is None
        and message.tool_calls is None
        and message.function_call is None
        and message.reasoning_details is None
        and message.audio is None
        and message.images is None
    )


def _texts(parts: Iterable[Any]) -> list[str]:
    """Of the parts of a content, or the entries of a thought."""
    found = (part.get(name) for part in parts if isinstance(part, dict) for name in ("text", "summary"))
    return [text for text in found if isinstance(text, str)]


def _call_texts(call: Any) -> Iterable[str]:
    if not isinstance(call, dict):
        return ()
    function = told_object(call.get("function")) or told_object(call.get("custom")) or call
    arguments = calls.told_arguments(function.get("arguments") or function.get("input"))
    return told_text(function.get("name")) or "", arguments
