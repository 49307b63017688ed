"""What is asked once and answered whole, such as embeddings: what of it matters for money and routing. Pure."""

from typing import Any, Final

from monoize.gateway.errors import CompactStreams, MalformedRequest
from monoize.gateway.exchange import Exchange
from monoize.gateway.facts import TOKENS_PER_MEDIUM, Facts, count_tokens
from monoize.gateway.pictures import PICTURES_MOST, Pictures
from monoize.gateway.protocol import fields
from monoize.gateway.protocol.errors import BadRequest
from monoize.gateway.protocol.images.form import File, Form, read_form
from monoize.gateway.protocol.urp import Json, Protocol

MODEL_CHARS_MOST: Final = 191


def read_form_of(exchange: Exchange, body: bytes) -> Form:
    try:
        return read_form(body, exchange.header(b"content-type") or "")
    except BadRequest as problem:
        raise _refused(problem) from problem


def read_facts(name: Protocol, parsed: Json) -> Facts:
    """`parsed` is what the body says, whether it is JSON or a form."""
    try:
        match name:
            case "compact":
                return _of_compaction(parsed)
            case "embeddings":
                return _of_embeddings(parsed)
            case _:
                return _of_images(parsed)
    except BadRequest as problem:
        raise _refused(problem) from problem


def _refused(problem: BadRequest) -> MalformedRequest:
    return MalformedRequest(problem.message, param=problem.param, code=problem.code)


def _of_compaction(parsed: Json) -> Facts:
    if parsed.get("stream"):
        raise CompactStreams
    return Facts(model=_model(parsed), stream=False, input_tokens=count_tokens(parsed), may_be_cut=False)


def _of_embeddings(parsed: Json) -> Facts:
    return Facts(model=_model(parsed), stream=False, input_tokens=count_tokens(parsed), output_tokens=0)


def _of_images(parsed: Json) -> Facts:
    if parsed.get("stream") not in (None, False, "false"):
        raise BadRequest("Images are not told as a stream.", param="stream")
    if parsed.get("output_format") == "svg" or "svg" in parsed:
        raise BadRequest("Another model writes the SVG, whose price is not asked here.", param="output_format")
    texts = {name: value for name, value in parsed.items() if not _is_files(value)}
    files = sum(len(value) for value in parsed.values() if _is_files(value))
    return Facts(
        model=_model(parsed),
        stream=False,
        input_tokens=count_tokens(texts) + files * TOKENS_PER_MEDIUM,
        output_tokens=0,
        pictures=Pictures(
            count=_count(parsed.get("n")),
            quality=fields.text(parsed, "quality"),
            size=fields.text(parsed, "size"),
        ),
    )


def _model(parsed: Json) -> str:
    model = fields.text(parsed, "model") or ""
    if not 0 < len(model) <= MODEL_CHARS_MOST:
        raise BadRequest(f"model is a text of 1 to {MODEL_CHARS_MOST} characters.", param="model")
    return model


def _count(said: Any) -> int:
    """A number, or in a form the digits of one."""
    if isinstance(said, str) and said.isascii() and said.isdigit() and len(said) < len("1000"):
        said = int(said)
    if said is None:
        return 1
    if type(said) is not int or not 1 <= said <= PICTURES_MOST:
        raise BadRequest(f"n is a whole number from 1 to {PICTURES_MOST}.", param="n")
    return said


def _is_files(value: Any) -> bool:
    """JSON may have lists as well, but none of files."""
    return isinstance(value, list) and bool(value) and isinstance(value[0], File)
