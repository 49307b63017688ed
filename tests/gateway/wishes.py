"""The same wish in every protocol: where it goes, what it says, and what is to be read of its answer."""

import dataclasses
from collections.abc import Callable
from typing import Any, Final

from support.gateway import frames


@dataclasses.dataclass(frozen=True)
class Wish:
    path: str
    stream_path: str
    body: Callable[..., dict[str, Any]]
    said: Callable[[Any], str]
    told: Callable[[bytes], str]
    end: str


def chat(text: str, stream: bool = False, **more: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": text}], "stream": stream, **more}


def responses(text: str, stream: bool = False, **more: Any) -> dict[str, Any]:
    return {"model": "m", "input": text, "stream": stream, **more}


def messages(text: str, stream: bool = False, **more: Any) -> dict[str, Any]:
    usual = {"model": "m", "max_tokens": 1000, "messages": [{"role": "user", "content": text}], "stream": stream}
    return usual | more


def gemini(text: str, stream: bool = False, **more: Any) -> dict[str, Any]:
    del stream  # Its address says that.
    return {"contents": [{"role": "user", "parts": [{"text": text}]}], **more}


def _told_by_chat(body: bytes) -> str:
    choices = [choice for frame in frames(body) if frame != "[DONE]" for choice in frame["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


def _told_by_responses(body: bytes) -> str:
    return "".join(frame["delta"] for frame in frames(body) if frame["type"] == "response.output_text.delta")


def _told_by_messages(body: bytes) -> str:
    deltas = [frame["delta"] for frame in frames(body) if frame["type"] == "content_block_delta"]
    return "".join(delta.get("text", "") for delta in deltas)


def _told_by_gemini(body: bytes) -> str:
    candidates = [candidate for frame in frames(body) for candidate in frame.get("candidates", ())]
    parts = [part for candidate in candidates for part in candidate.get("content", {}).get("parts", ())]
    return "".join(part.get("text", "") for part in parts)


WISHES: Final = {
    "chat": Wish(
        "/v1/chat/completions",
        "/v1/chat/completions",
        chat,
        lambda answer: answer["choices"][0]["message"]["content"],
        _told_by_chat,
        "data: [DONE]\n\n",
    ),
    "responses": Wish(
        "/v1/responses",
        "/v1/responses",
        responses,
        lambda answer: answer["output"][0]["content"][0]["text"],
        _told_by_responses,
        "event: response.completed",
    ),
    "messages": Wish(
        "/v1/messages",
        "/v1/messages",
        messages,
        lambda answer: answer["content"][0]["text"],
        _told_by_messages,
        "event: message_stop",
    ),
    "gemini": Wish(
        "/v1beta/models/m:generateContent",
        "/v1beta/models/m:streamGenerateContent?alt=sse",
        gemini,
        lambda answer: answer["candidates"][0]["content"]["parts"][0]["text"],
        _told_by_gemini,
        '"finishReason"',
    ),
}
