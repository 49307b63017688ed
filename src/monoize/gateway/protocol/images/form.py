"""A form with files (`multipart/form-data`) as bytes: read so that everybody reads it alike, edited, and written.

Its bytes may go on to a provider, who reads them again. What two readers could take for different things is
therefore refused, never repaired: escapes in names, a text that stands twice, anything before the first part.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from monoize.gateway.protocol.errors import BadRequest
from monoize.gateway.protocol.urp import Json

PARTS_MOST: Final = 64
HEAD_BYTES_MOST: Final = 4_096
TEXT_BYTES_MOST: Final = 256 * 1024

_LINE: Final = b"\r\n"
_TYPE: Final = re.compile(
    r"""multipart/form-data\s*;\s*boundary=(?:([0-9A-Za-z'+_.-]{1,70})|"([0-9A-Za-z'()+_,./:=?-]{1,70})")\s*""",
    re.IGNORECASE | re.ASCII,
)
_DISPOSITION: Final = re.compile(
    r"""form-data\s*;\s*name=("?)(?P<name>[0-9A-Za-z_.\[\]-]{1,64})\1"""
    r"""(?:\s*;\s*filename=(?P<filename>"[^"\\\r\n]{0,1024}"|[0-9A-Za-z_.-]{1,1024}))?"""
    r"""(?:\s*;\s*filename\*=[0-9A-Za-z!#$&+.^_`|~'%-]{1,1024})?\s*""",
    re.IGNORECASE,
)
_ENCODINGS: Final = frozenset({"binary", "8bit", "7bit"})
_BOUNDARY_BYTES: Final = 24
_TYPE_OF_FILES: Final = "application/octet-stream"


class Part(msgspec.Struct, frozen=True):
    """It stands in the form from `at`, its content from `begin` to `end`. Only a file has a `filename`."""

    name: str
    at: int
    begin: int
    end: int
    filename: str | None = None
    media_type: str | None = None


class File(msgspec.Struct, frozen=True):
    content: bytes | memoryview
    media_type: str = _TYPE_OF_FILES


class Form(msgspec.Struct, frozen=True):
    body: bytes
    content_type: bytes
    parts: Sequence[Part]

    def members(self) -> Json:
        """Its texts and lists of its files, by name. The brackets of `image[]` are no part of the name."""
        found: Json = {}
        for part in self.parts:
            if part.filename is None:
                found[part.name] = _text(self.body, part)
            else:
                # Forms are large, and most files are never looked into.
                file = File(memoryview(self.body)[part.begin : part.end], part.media_type or _TYPE_OF_FILES)
                found.setdefault(part.name.removesuffix("[]"), []).append(file)
        return found

    def with_text(self, name: str, text: str) -> bytes:
        """All of it with another text in the part of this name; no other byte changes."""
        part = next(part for part in self.parts if part.name == name)
        return self.body[: part.begin] + text.encode() + self.body[part.end :]

    def without(self, name: str) -> "Form":
        part = next(part for part in self.parts if part.name == name)
        rest = self.body[: part.at] + self.body[part.end + len(_LINE) :]
        return read_form(rest, self.content_type.decode())


def read_form(body: bytes, content_type: str) -> Form:
    found = _TYPE.fullmatch(content_type)
    if found is None:
        raise BadRequest("The body must be multipart/form-data with a boundary.")
    parts = list(_parts(body, b"--" + (found[1] or found[2]).encode()))
    are_files: dict[str, bool] = {}
    for part in parts:
        name, is_file = part.name.removesuffix("[]"), part.filename is not None
        if name in are_files and not (is_file and are_files[name]):
            raise BadRequest(f"{part.name} stands twice in the form.", param=part.name)
        are_files[name] = is_file
        if not is_file:
            _text(body, part)
    return Form(body, content_type.encode(), parts)


def write_form(members: Sequence[tuple[str, str | File]]) -> Form:
    contents = [value.encode() if isinstance(value, str) else value.content for _, value in members]
    # Whoever writes a member cannot know the digest of it beforehand.
    boundary = hashlib.blake2b(b"\n".join(contents), digest_size=_BOUNDARY_BYTES).hexdigest()
    delimiter = b"--" + boundary.encode()
    pieces: list[bytes | memoryview] = []
    for (name, value), content in zip(members, contents, strict=True):
        pieces += [delimiter, _LINE, _head(name, value), _LINE, _LINE, content, _LINE]
    body = b"".join([*pieces, delimiter, b"--", _LINE])
    return read_form(body, f"multipart/form-data; boundary={boundary}")


def _head(name: str, value: str | File) -> bytes:
    disposition = f'content-disposition: form-data; name="{name}"'
    if isinstance(value, str):
        return disposition.encode()
    ending = value.media_type.rpartition("/")[2]
    return f'{disposition}; filename="{name}.{ending}"\r\ncontent-type: {value.media_type}'.encode()


def _parts(body: bytes, delimiter: bytes) -> Iterator[Part]:
    if not body.startswith(delimiter):
        raise BadRequest("The form does not begin with its boundary.")
    at, count = len(delimiter), 0
    while not body.startswith(b"--", at):
        count += 1
        if count > PARTS_MOST:
            raise BadRequest(f"The form has more than {PARTS_MOST} parts.")
        head_end = body.find(_LINE + _LINE, at, at + HEAD_BYTES_MOST)
        begin = head_end + 2 * len(_LINE)
        end = body.find(_LINE + delimiter, begin) if head_end >= 0 else -1
        if end < 0 or not body.startswith(_LINE, at):
            raise BadRequest("The form has a part without a head or without an end.")
        name, filename, media_type = _about(body[at + len(_LINE) : head_end])
        yield Part(name, at - len(delimiter), begin, end, filename, media_type)
        at = end + len(_LINE + delimiter)
    if body[at + 2 :] not in (b"", _LINE):
        raise BadRequest("Something comes after the end of the form.")


def _text(body: bytes, part: Part) -> str:
    if part.end - part.begin > TEXT_BYTES_MOST:
        raise BadRequest(f"{part.name} is too long for a text.", param=part.name)
    try:
        return body[part.begin : part.end].decode()
    except UnicodeDecodeError:
        raise BadRequest(f"{part.name} is not UTF-8.", param=part.name) from None


def _about(head: bytes) -> tuple[str, str | None, str | None]:
    """(name, name of the file, media type)"""
    headers = _headers(head)
    found = _DISPOSITION.fullmatch(headers.get("content-disposition", ""))
    if found is None:
        raise BadRequest("A part of the form does not say in plain words what it is called.")
    if headers.get("content-transfer-encoding", "binary").lower() not in _ENCODINGS:
        raise BadRequest(f"{found['name']} must not be encoded.", param=found["name"])
    return found["name"], found["filename"], headers.get("content-type")


def _headers(head: bytes) -> dict[str, str]:
    try:
        lines = head.decode().split("\r\n")
    except UnicodeDecodeError:
        raise BadRequest("The head of a part of the form is not UTF-8.") from None
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name.strip() or name != name.strip() or name.lower() in headers:
            raise BadRequest("The head of a part of the form is not a list of headers.")
        headers[name.lower()] = value.strip()
    return headers
