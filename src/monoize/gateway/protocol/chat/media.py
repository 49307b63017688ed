"""Images, sounds and files as this protocol writes them: addresses, data URLs, and names of uploaded files."""

from collections.abc import Mapping
from typing import Final

from monoize.gateway.protocol import fields
from monoize.gateway.protocol.errors import BadRequest
from monoize.gateway.protocol.urp import Audio, File, FileId, FileSource, Image, Inline, Json, PlainText, Role, Url

_BASE64: Final = ";base64"
_UNKNOWN_TYPE: Final = "application/octet-stream"
_DEFAULT_NAME: Final = "file"
# OpenAI has one store of files, whichever of its protocols speaks of them.
_FILES_OF: Final = frozenset({"chat", "responses"})
_SOUNDS: Final[Mapping[str, str]] = {
    "audio/mp3": "mp3",
    "audio/mpeg": "mp3",
    "audio/wav": "wav",
    "audio/wave": "wav",
    "audio/x-wav": "wav",
}


def source_of(url: str) -> Url | Inline:
    head, comma, data = url.partition(",")
    media_type = head[len("data:") :].removesuffix(_BASE64)
    if not (comma and media_type and head.startswith("data:") and head.endswith(_BASE64)):
        return Url(url=url)
    return Inline(media_type=media_type, data=data)


def url_of(source: Url | Inline) -> str:
    return source.url if isinstance(source, Url) else f"data:{source.media_type}{_BASE64},{source.data}"


def image_of(part: Json, role: Role, at: str) -> Image:
    """An address stands in an object, or alone."""
    at, found = fields.path(at, "image_url"), part.get("image_url")
    image = found if isinstance(found, dict) else {"url": found}
    url = fields.given(fields.text(image, "url", at), fields.path(at, "url"))
    return Image(
        role=role,
        source=source_of(url),
        detail=fields.text(image, "detail", at),
        extra=fields.rest(part, ("type", "image_url")),
    )


def image_part(image: Image) -> Json | None:
    """None for what cannot be said here: this protocol names no uploaded images."""
    if isinstance(image.source, FileId):
        return None
    detail = {"detail": image.detail} if image.detail else {}
    return {"type": "image_url", "image_url": {"url": url_of(image.source), **detail}}


def audio_of(part: Json, role: Role, at: str) -> Audio:
    at, extra = fields.path(at, "input_audio"), fields.rest(part, ("type", "input_audio"))
    sound = fields.given(fields.object_(part, "input_audio", at), at)
    data = fields.given(fields.text(sound, "data", at), fields.path(at, "data"))
    format = fields.given(fields.text(sound, "format", at), fields.path(at, "format"))
    return Audio(role=role, source=Inline(media_type=f"audio/{format}", data=data), extra=extra)


def audio_part(audio: Audio) -> Json | None:
    source = audio.source
    if not isinstance(source, Inline) or source.media_type not in _SOUNDS:
        return None
    return {"type": "input_audio", "input_audio": {"data": source.data, "format": _SOUNDS[source.media_type]}}


def file_of(part: Json, role: Role, at: str) -> File:
    at, extra = fields.path(at, "file"), fields.rest(part, ("type", "file"))
    file = fields.given(fields.object_(part, "file", at), at)
    filename = fields.text(file, "filename", at)
    return File(role=role, source=_file_source(file, at), filename=filename, extra=extra)


def _file_source(file: Json, at: str) -> FileSource:
    data, file_id = fields.text(file, "file_data", at), fields.text(file, "file_id", at)
    if data:
        source = source_of(data)
        is_address = isinstance(source, Inline) or "://" in data[:16]
        return source if is_address else Inline(media_type=_UNKNOWN_TYPE, data=data)
    if file_id:
        return FileId(file_id=file_id, origin="chat")
    raise BadRequest(f"{at} needs file_data or a file_id.", param=at)


def file_part(file: File) -> Json | None:
    """A text is said as one; an address is something that this protocol has no place for."""
    match file.source:
        case PlainText(text=text):
            return {"type": "text", "text": text}
        case FileId(file_id=file_id, origin=origin) if origin in _FILES_OF:
            return {"type": "file", "file": {"file_id": file_id}}
        case Inline() as source:
            # OpenAI refuses data without a name.
            name = file.filename or f"{_DEFAULT_NAME}.{source.media_type.rpartition('/')[2]}"
            return {"type": "file", "file": {"file_data": url_of(source), "filename": name}}
    return None
