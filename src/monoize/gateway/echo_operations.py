"""What the built-in model makes of words when it is not asked to speak: vectors, and small pictures.

Texts with the same words in them have vectors that are near each other, and the same prompt always gives the same
picture.
"""

import base64
import hashlib
import math
import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from monoize.gateway.attempts import Whole, at_fault
from monoize.gateway.dialects import EMBEDDINGS, Seen
from monoize.gateway.exchange import JSON_TYPE
from monoize.gateway.job import Job
from monoize.gateway.protocol.images.request_out import prompt_of
from monoize.gateway.protocol.images.usage import write_usage
from monoize.gateway.protocol.urp import Failed, Finish, Image, Inline, Json, Request, Response, Text, Usage
from monoize.gateway.protocol.watched import Watched

DIMENSIONS: Final = 256
DIMENSIONS_MOST: Final = 3_072
TEXTS_MOST: Final = 2_048
CHARS_MOST: Final = 500_000
"""In all texts together, or as many tokens: they are read while everybody else waits."""
EDGE_PIXELS: Final = 64
TOKENS_OF_PICTURE: Final = 100

_WORD: Final = re.compile(r"\w+")
_TILES: Final = 4
_encoder: Final = msgspec.json.Encoder()


def asked(job: Job) -> Request:
    """In the common language, which has no words for embeddings: as if it had been said."""
    if job.dialect is not EMBEDDINGS:
        return job.request
    texts = [Text(role="user", text=text) for text in _texts(job)]
    return Request(model=job.facts.model, input=texts, origin="embeddings")


def answered(job: Job, request: Request) -> Whole:
    document, report = _vectors(job, request) if job.dialect is EMBEDDINGS else _pictures(job, request)
    seen: Seen = Watched(report=report, is_semantic=True, is_complete=True, model=job.facts.model)
    return Whole(_encoder.encode(document), JSON_TYPE, seen, job.dialect.name)


def _vectors(job: Job, request: Request) -> tuple[Json, Json]:
    texts = [_WORD.findall(node.text.lower()) for node in request.input if isinstance(node, Text)]
    count = sum(map(len, texts))
    wanted = job.parsed.get("dimensions")
    size = DIMENSIONS if wanted is None else wanted
    if type(size) is not int or not 1 <= size <= DIMENSIONS_MOST:
        raise _unfit(job, f"It makes up to {DIMENSIONS_MOST} dimensions.")
    is_packed = job.parsed.get("encoding_format") == "base64"
    data = [
        {"object": "embedding", "index": place, "embedding": _packed(vector) if is_packed else vector}
        for place, vector in enumerate(_vector(words, size) for words in texts)
    ]
    usage = {"prompt_tokens": count, "total_tokens": count}
    return {"object": "list", "data": data, "model": job.facts.model, "usage": usage}, usage


def _texts(job: Job) -> Iterator[str]:
    """One or several, each as words or as the numbers of tokens."""
    given: Any = job.parsed.get("input")
    several = isinstance(given, list) and not all(isinstance(each, int) for each in given)
    texts = given if several else [given]
    if not all(isinstance(text, str | list) and text for text in texts):
        raise _unfit(job, "input is one text or several, none of them empty.")
    if len(texts) > TEXTS_MOST or sum(map(len, texts)) > CHARS_MOST:
        raise _unfit(job, f"It takes {TEXTS_MOST} texts at once, with {CHARS_MOST} characters in all.")
    for text in texts:
        yield text if isinstance(text, str) else " ".join(map(str, text))


def _vector(words: Sequence[str], size: int) -> list[float]:
    """Of length 1. Each word pulls in a direction of its own."""
    vector = [0.0] * size
    for word in words or ("",):
        direction = int.from_bytes(hashlib.blake2b(word.encode(errors="replace"), digest_size=8).digest())
        vector[(direction >> 1) % size] += 1.0 if direction & 1 else -1.0
    length = math.hypot(*vector)
    return [value / length for value in vector] if length else [1.0, *vector[1:]]


def _packed(vector: Sequence[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _pictures(job: Job, request: Request) -> tuple[Json, Json]:
    count = job.facts.pictures.count if job.facts.pictures else 1
    prompt = prompt_of(request)
    images = [
        Image(role="assistant", source=Inline(media_type="image/png", data=_picture(prompt, place)))
        for place in range(count)
    ]
    usage = Usage(input_tokens=len(_WORD.findall(prompt)), output_tokens=count * TOKENS_OF_PICTURE)
    response = Response(id="", model=job.facts.model, output=images, finish=Finish(reason="stop"), usage=usage)
    return job.dialect.written(response, job.naming, request), {"images": count, "usage": write_usage(usage)}


def _picture(prompt: str, place: int) -> str:
    """Tiles in colours that come of the prompt."""
    seed = hashlib.blake2b(f"{place} {prompt}".encode(errors="replace"), digest_size=3 * _TILES * _TILES).digest()
    colours = [seed[at : at + 3] for at in range(0, len(seed), 3)]
    width = EDGE_PIXELS // _TILES
    rows = [
        b"\0" + b"".join(colour * width for colour in colours[at : at + _TILES])
        for at in range(0, len(colours), _TILES)
        for _ in range(width)
    ]
    return base64.b64encode(_png(rows)).decode()


def _png(rows: Sequence[bytes]) -> bytes:
    head = struct.pack(">IIBBBBB", EDGE_PIXELS, EDGE_PIXELS, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(b"".join(rows))), (b"IEND", b""))
    told = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(told)


def _unfit(job: Job, message: str) -> Exception:
    return at_fault(job, Failed(message=message, code="echo_refused", status=400), 400)
