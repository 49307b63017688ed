"""Images, sounds and files as this protocol writes them: addresses, data URLs, and names of uploaded files."""

from collections.abc import Mapping
from typing import Final

from monoize.gateway.protocol import fields
from monoize.gateway.protocol.errors import BadRequest
from monoize.gateway.protocol.urp import FileId, FileSource, Inline, Json, PlainText, Source, Url

UNKNOWN_TYPE: Final = "application/octet-stream"
# OpenAI has one store of files, whichever of its protocols speaks of them.
FILES_OF: Final = frozenset({"responses", "chat"})
_BASE64: Final = ";base64"
_BY_ENDING: Final[Mapping[str, str]] = {
    "pdf": "application/pdf",
    "txt": "text/plain",
    "md": "text/markdown",
    "csv": "text/csv",
    "json": "application/json",
    "html": "text/html",
}
# `mp3` and `wav` are all that is spoken of.
_SOUNDS: Final[Mapping[str, str]] = {
    "audio/mp3": "mp3",
    "audio/mpeg": "mp3",
    "audio/wav": "wav",
    "audio/wave": "wav",
    "audio/x-wav": "wav",
}
_PICTURES: Final[Mapping[str, str]] = {"svg": "image/svg+xml", "jpg": "image/jpeg"}


def source_of(url: str) -> Url | Inline:
    if url[:5].lower() != "data:":
        return Url(url=url)
    head, comma, data = url[5:].partition(",")
    if not comma or not head.endswith(_BASE64):
        return Url(url=url)
    return Inline(media_type=head.removesuffix(_BASE64) or UNKNOWN_TYPE, data=data)


def url_of(source: Url | Inline) -> str:
    return source.url if isinstance(source, Url) else f"data:{source.media_type}{_BASE64},{source.data}"


def image_source(part: Json, at: str) -> Source:
    url, file_id = fields.text(part, "image_url", at), fields.text(part, "file_id", at)
    if url:
        return source_of(url)
    if file_id:
        return FileId(file_id=file_id, origin="responses")
    raise BadRequest(f"{at} needs an image_url or a file_id.", param=at)


def written_image(source: Source) -> Json | None:
    """The members of an `input_image` that say where it is; None for what cannot be said here."""
    if isinstance(source, FileId):
        return {"file_id": source.file_id} if source.origin in FILES_OF else None
    return {"image_url": url_of(source)}


def file_source(part: Json, at: str) -> Source:
    data, url = fields.text(part, "file_data", at), fields.text(part, "file_url", at)
    file_id = fields.text(part, "file_id", at)
    if data:
        found = source_of(data)
        if isinstance(found, Inline):
            return found
        return Inline(media_type=_by_name(fields.text(part, "filename", at)), data=data)
    if url:
        return Url(url=url)
    if file_id:
        return FileId(file_id=file_id, origin="responses")
    raise BadRequest(f"{at} needs file_data, a file_url or a file_id.", param=at)


def written_file(source: FileSource) -> Json | None:
    match source:
        case FileId():
            return {"file_id": source.file_id} if source.origin in FILES_OF else None
        case Url():
            return {"file_url": source.url}
        case Inline():
            return {"file_data": url_of(source)}
        case PlainText():
            return None


def sound_of(part: Json, at: str) -> Inline:
    at, sound = fields.path(at, "input_audio"), fields.given(fields.object_(part, "input_audio", at), at)
    data = fields.given(fields.text(sound, "data", at), fields.path(at, "data"))
    kind = fields.given(fields.text(sound, "format", at), fields.path(at, "format"))
    return Inline(media_type=f"audio/{kind}", data=data)


def written_sound(source: Source) -> Json | None:
    if not isinstance(source, Inline) or source.media_type not in _SOUNDS:
        return None
    return {"input_audio": {"data": source.data, "format": _SOUNDS[source.media_type]}}


def picture_type(output_format: str | None) -> str:
    kind = output_format or "png"
    return _PICTURES.get(kind, f"image/{kind}")


def ending_of(media_type: str) -> str:
    """Of a name for a file of this type."""
    return next((ending for ending, known in _BY_ENDING.items() if known == media_type), "bin")


def _by_name(filename: str | None) -> str:
    _, _, ending = (filename or "").rpartition(".")
    return _BY_ENDING.get(ending.lower(), UNKNOWN_TYPE)
