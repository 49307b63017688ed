"""What nobody sends by mistake, and what is wrong with an answer to it."""

import itertools
import json
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import httpx2

DEEP: Final = 5000
NOT_AN_OBJECT: Final[dict[str, bytes]] = {
    "nothing": b"",
    "malformed": b'{"name": ',
    "two documents": b"{}{}",
    "an array": b"[]",
    "a string": b'"text"',
    "a number": b"1",
    "null": b"null",
    "not UTF-8": b'{"name": "\xff\xfe"}',
    "a NUL byte": b'{"name": "\x00"}',
    "what is no number in JSON": b'{"name": NaN, "max_concurrent": Infinity}',
    "deep arrays": b"[" * DEEP + b"]" * DEEP,
    "deep objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "deep in a field": b'{"name": ' + b"[" * DEEP + b"]" * DEEP + b"}",
    "an integer of 5,000 digits": b'{"max_concurrent": 1' + b"0" * 5000 + b"}",
    "a field called by a lone surrogate": b'{"\\ud800": 1}',
    "a field called by a NUL": b'{"\\u0000": 1}',
    "a field called by a megabyte": b'{"' + b"n" * 1_000_000 + b'": 1}',
    "5,000 unknown fields": json.dumps({f"field_{n}": n for n in range(5000)}).encode(),
}
OTHER_CONTENT_TYPES: Final = (
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/octet-stream",
    "nonsense",
    "",
)

# JSON text, since some of it is nothing that a serialiser would write. No field of ours takes any of them.
NO_FIELDS_VALUE: Final[dict[str, str]] = {
    "a NUL": '"a\\u0000b"',
    "a lone surrogate": '"a\\ud800b"',
    "a megabyte": '"' + "x" * 1_000_000 + '"',
    "1e999": "1e999",
    "10^400": "1" + "0" * 400,
    "-10^400": "-1" + "0" * 400,
    "a fraction": "0.5",
    "minus one": "-1",
    "an object": '{"a": {"b": []}}',
    "arrays of arrays": "[[[]]]",
    "an empty text": '""',
}
SQL: Final = ("x'); DROP TABLE users; --", '%_\\"${7*7}{{7*7}}')


Value = TypeVar("Value")


def some_of(every: Mapping[str, Value], turn: int, count: int) -> dict[str, Value]:
    """So many of them, others at each turn: where the same code of ours reads them for everybody, a few are enough
    for each, and each is met by many."""
    first = turn * count % len(every)
    return dict(itertools.islice(itertools.cycle(every.items()), first, first + count))


def complaint(answer: httpx2.Response) -> str | None:
    """What is wrong with this refusal, if anything is."""
    if not 400 <= answer.status_code < 500:
        return f"{answer.status_code} {answer.text[:200]}"
    if answer.headers.get("content-type") != "application/problem+json" or not answer.json()["code"]:
        return f"no problem document: {answer.text[:200]}"
    if len(answer.content) > 10_000:
        return f"an answer of {len(answer.content)} bytes"
    return None


def only_wrong(complaints: dict[str, str | None]) -> dict[str, str]:
    return {what: wrong for what, wrong in complaints.items() if wrong}


def with_field(body: dict[str, Any], name: str, value: str) -> bytes:
    """The valid body with one field replaced by this JSON text."""
    others = {other: kept for other, kept in body.items() if other != name}
    return (json.dumps(others)[:-1] + (", " if others else "") + f'"{name}": {value}}}').encode()
