"""What a model thought, in the shapes that grew around this protocol, and the nodes they are.

`reasoning_details` is OpenRouter's list of entries: something readable, a summary, something encrypted. Adjacent
entries of one index are one thought. `reasoning_content` (DeepSeek) and `reasoning` are a text, and so is
Mistral's part `thinking`. A node remembers in `extra` what it was, so that it goes back as it came.

What other protocols encrypted travels in such entries too, under OpenRouter's names for them: a caller who sends
the entries back can go on with the provider that thought them.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from monoize.gateway.protocol.fields import told_integer, told_list, told_object, told_text
from monoize.gateway.protocol.urp import Json, Protocol, Reasoning

DETAILS: Final = "reasoning_details"
FIELDS: Final = ("reasoning_content", "reasoning")
"""Members of a message with the text of a thought; the first that is there counts."""
CARRIER: Final = "carrier"
"""In `extra`: the member in which the text came."""
BESIDE: Final = "beside"
"""In `extra`: one more member in which the text is to be told."""

TEXT: Final = "reasoning.text"
SUMMARY: Final = "reasoning.summary"
ENCRYPTED: Final = "reasoning.encrypted"
CONTENT: Final[Mapping[str, str]] = {TEXT: "text", SUMMARY: "summary", ENCRYPTED: "data"}
"""The member of an entry that says what it is about."""
PARAGRAPH: Final = "\n\n"
_REDACTED: Final = "redacted_thinking"
_MAKERS: Final[Mapping[str, Protocol]] = {
    "anthropic-claude-v1": "messages",
    "openai-responses-v1": "responses",
    "google-gemini-v1": "gemini",
}
_FORMATS: Final[Mapping[Protocol, str]] = {protocol: format for format, protocol in _MAKERS.items()}
_UNKNOWN_FORMAT: Final = "unknown"


def thoughts_of(message: Json) -> list[Reasoning]:
    """Of a whole message. The details say all that the texts beside them do."""
    details = message.get(DETAILS)
    thoughts = read_details(details) if isinstance(details, list) else []
    if thoughts:
        return thoughts
    for name in FIELDS:
        text = told_text(message.get(name))
        if text:
            return [Reasoning(content=text, extra={CARRIER: name})]
    return []


def read_details(details: Sequence[Any]) -> list[Reasoning]:
    groups: list[list[Json]] = []
    for entry in details:
        if not isinstance(entry, dict):
            continue
        if groups and _belongs(groups[-1], entry):
            groups[-1].append(entry)
        else:
            groups.append([entry])
    return [thought_of(group) for group in groups]


def thought_of(group: Sequence[Json]) -> Reasoning:
    """The node of entries that have different types."""
    said = {entry.get("type"): entry for entry in group if isinstance(entry.get("type"), str)}
    content, summary, data = (told_text(said.get(kind, {}).get(name)) for kind, name in CONTENT.items())
    sealed = said.get(ENCRYPTED)
    signature = None if sealed else told_text(said.get(TEXT, {}).get("signature")) or None
    encrypted = data if sealed else signature
    origin = _maker(sealed or said[TEXT]) if encrypted is not None else None
    extra: Json = {DETAILS: [_remaining(entry, is_signed=signature is not None) for entry in group]}
    if origin == "messages" and signature is not None:
        # Of what it signs, Anthropic shows a summary.
        content, summary = None, summary or content or None
    elif origin == "messages":
        extra["type"] = _REDACTED
    ids = (told_text(entry.get("id")) for entry in group)
    return Reasoning(
        content=content,
        summary=() if summary is None else (summary,),
        encrypted=encrypted,
        origin=origin,
        id=next((id for id in ids if id), None),
        extra=extra,
    )


def write_details(thought: Reasoning) -> list[Json]:
    """The entries as they came, with what the node says now."""
    entries = [dict(entry) for entry in thought.extra[DETAILS]]
    kinds = {entry.get("type") for entry in entries if isinstance(entry.get("type"), str)}
    signature = None if ENCRYPTED in kinds else thought.encrypted
    text = thought.content if SUMMARY in kinds else readable(thought)
    said = {TEXT: text, SUMMARY: readable_summary(thought), ENCRYPTED: thought.encrypted}
    for entry in entries:
        kind = entry.get("type")
        if isinstance(kind, str) and said.get(kind) is not None:
            entry.setdefault(CONTENT[kind], said[kind])
        if kind == TEXT and signature is not None:
            entry.setdefault("text", "")
            entry.setdefault("signature", signature)
    return entries


def new_details(thought: Reasoning, index: int) -> list[Json]:
    """The entries of a node that was none; nothing for one that says nothing."""
    summary = readable_summary(thought)
    if is_signed(thought):
        return [{**text_entry(thought, index, readable(thought) or ""), "signature": thought.encrypted}]
    entries = []
    if thought.content is not None:
        entries.append(text_entry(thought, index, thought.content))
    if summary is not None:
        entries.append(summary_entry(thought, index, summary))
    if thought.encrypted is not None:
        entries.append(encrypted_entry(thought, index))
    return entries


def signature_entry(thought: Reasoning, index: int) -> Json:
    return {**text_entry(thought, index, ""), "signature": thought.encrypted}


def encrypted_entry(thought: Reasoning, index: int) -> Json:
    return _entry(ENCRYPTED, thought, index, thought.encrypted or "")


def text_entry(thought: Reasoning, index: int, text: str) -> Json:
    return _entry(TEXT, thought, index, text)


def summary_entry(thought: Reasoning, index: int, text: str) -> Json:
    return _entry(SUMMARY, thought, index, text)


def is_signed(thought: Reasoning) -> bool:
    """Whether what is encrypted is the signature of a text, which may be left out."""
    is_anthropic = thought.encrypted is not None and thought.origin == "messages"
    return is_anthropic and thought.extra.get("type") != _REDACTED


def readable(thought: Reasoning) -> str | None:
    return thought.content if thought.content is not None else readable_summary(thought)


def readable_summary(thought: Reasoning) -> str | None:
    return PARAGRAPH.join(thought.summary) if thought.summary else None


def _entry(kind: str, thought: Reasoning, index: int, content: str) -> Json:
    id = {"id": thought.id} if thought.id else {}
    return {"type": kind, CONTENT[kind]: content, **id, "format": _format(thought), "index": index}


def _format(thought: Reasoning) -> str:
    if thought.origin and thought.origin in _FORMATS:
        return _FORMATS[thought.origin]
    entries = told_list(thought.extra.get(DETAILS)) or [None]
    return told_text((told_object(entries[0]) or {}).get("format")) or _UNKNOWN_FORMAT


def _belongs(group: list[Json], entry: Json) -> bool:
    index = told_integer(entry.get("index"))
    is_new = all(entry.get("type") != other.get("type") for other in group)
    return is_new and index is not None and index == told_integer(group[0].get("index"))


def _maker(entry: Json) -> Protocol:
    return _MAKERS.get(told_text(entry.get("format")) or "", "chat")


def _remaining(entry: Json, *, is_signed: bool) -> Json:
    """What the node has no place for."""
    kind = told_text(entry.get("type")) or ""
    content = CONTENT.get(kind, "")
    housed = {content} if isinstance(entry.get(content), str) else set()
    if kind == TEXT and is_signed:
        housed.add("signature")
    return {name: value for name, value in entry.items() if name not in housed}
