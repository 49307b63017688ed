"""Whatever is put into a request, the answer is a refusal with a code, and nothing was changed by it."""

import json
from collections.abc import AsyncIterator
from typing import Any, Final

import httpx2
import pytest
from support.endpoints import document
from support.house import Client, RunningHouse
from support.money import open_till
from support.mutations import VALID, Request, Scene
from support.rows import every_row

DOCUMENT: Final = document()
BODIES: Final = {
    f"{method.upper()} {path}": operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
    if "requestBody" in operation
}
READS: Final = {
    path: [parameter["name"] for parameter in operations["get"].get("parameters", ()) if parameter["in"] == "query"]
    for path, operations in DOCUMENT["paths"].items()
    if "get" in operations and "/auth/providers" not in path
}
WITH_PATH_PARAMETER: Final = [
    (method.upper(), path)
    for path, operations in DOCUMENT["paths"].items()
    for method in operations
    if "{" in path and "/auth/providers" not in path
]

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
IN_AN_ADDRESS: Final[dict[str, str]] = {
    "a NUL": "a%00b",
    "a lone surrogate": "%ED%A0%80",
    "not UTF-8": "%FF%FE",
    "an overlong slash": "%C0%AF",
    "10^400": "1" + "0" * 400,
    "1e999": "1e999",
    "ten thousand letters": "x" * 10_000,
    "SQL": "'%3B%20DROP%20TABLE%20users%3B%20--",
    "white space": "%20%09%0A",
    "another plane": "%F0%9F%92%A9",
    "nothing decodable": "%zz%",
}


class Sender:
    """Sends variations of a request, each from an address of its own, so that no limit answers in our place."""

    def __init__(self, client: Client, method: str, path: str) -> None:
        self._client, self._method, self._path, self._number = client, method, path, 0

    @classmethod
    async def of(cls, scene: Scene, endpoint: str) -> tuple["Sender", Request]:
        request = await VALID[endpoint](scene)
        return cls(request.client, endpoint.split()[0], request.path), request

    async def send(self, content: bytes, content_type: str = "application/json") -> httpx2.Response:
        self._number += 1
        origin = f"10.1.{self._number >> 8}.{self._number & 255}"
        headers = {"content-type": content_type, "x-forwarded-for": origin}
        return await self._client.request(self._method, self._path, content=content, headers=headers)


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


async def stored(scene: Scene) -> dict[str, list[tuple[Any, ...]]]:
    return await every_row(scene.house.house.database)


def with_field(body: dict[str, Any], name: str, value: str) -> bytes:
    """The valid body with one field replaced by this JSON text."""
    others = {other: kept for other, kept in body.items() if other != name}
    return (json.dumps(others)[:-1] + (", " if others else "") + f'"{name}": {value}}}').encode()


@pytest.mark.parametrize("endpoint", BODIES)
async def test_a_body_that_is_no_json_object_of_ours_is_refused_and_changes_nothing(scene: Scene, endpoint: str):
    sender, request = await Sender.of(scene, endpoint)
    valid = json.dumps(request.body).encode()
    before = await stored(scene)

    complaints = {what: complaint(await sender.send(content)) for what, content in NOT_AN_OBJECT.items()}
    complaints |= {kind: complaint(await sender.send(valid, kind)) for kind in OTHER_CONTENT_TYPES}

    assert {} == only_wrong(complaints)
    assert before == await stored(scene)


@pytest.mark.parametrize("endpoint", BODIES)
async def test_no_field_takes_a_value_that_cannot_be_stored_or_is_of_another_kind(scene: Scene, endpoint: str):
    sender, request = await Sender.of(scene, endpoint)
    body = request.body or {}
    fields = DOCUMENT["components"]["schemas"][BODIES[endpoint].rpartition("/")[2]]["properties"]
    assert set(fields) == set(body), "the valid request has to name every field"
    before = await stored(scene)

    complaints = {}
    for field, valid in body.items():
        for what, value in NO_FIELDS_VALUE.items():
            hostile = f"[{value}]" if isinstance(valid, list) else value
            complaints[f"{what} in {field}"] = complaint(await sender.send(with_field(body, field, hostile)))

    assert {} == only_wrong(complaints)
    assert before == await stored(scene)


@pytest.mark.parametrize("endpoint", BODIES)
async def test_sql_in_a_text_is_a_text_or_refused(scene: Scene, endpoint: str):
    sender, request = await Sender.of(scene, endpoint)
    body = request.body or {}
    # A password is hashed before it comes near a database.
    texts = [name for name, value in body.items() if isinstance(value, str) and "password" not in name]
    people = len((await stored(scene))["users"])

    answers = [await sender.send(with_field(body, field, json.dumps(sql))) for field in texts for sql in SQL]

    assert [] == [answer.text for answer in answers if answer.status_code >= 500]
    assert people <= len((await stored(scene))["users"])
    assert (await scene.house.house.audit_log.verify()).problem is None


async def test_sql_in_a_name_is_stored_as_it_was_written(root: Client):
    for name in SQL:
        assert name == (await root.post("/api/tenants", json={"name": name})).json()["name"]

    names = {tenant["name"] for tenant in (await root.get("/api/tenants")).json()["items"]}
    assert {"default", *SQL} == names


async def test_a_hostile_path_finds_nothing_and_changes_nothing(scene: Scene):
    root = await scene.root()
    before = await stored(scene)

    complaints = {}
    for method, path in WITH_PATH_PARAMETER:
        body = {"name": "x"} if method == "PATCH" else None
        for what, value in IN_AN_ADDRESS.items():
            filled = path[: path.index("{")] + value + path[path.index("}") + 1 :]
            complaints[f"{method} {path}: {what}"] = complaint(await root.request(method, filled, json=body))

    assert {} == only_wrong(complaints)
    assert before == await stored(scene)


async def test_a_hostile_query_is_answered_or_refused_but_is_never_an_error_of_ours(
    house: RunningHouse, root: Client
):
    complaints = {}
    async with open_till(house):
        for path, names in READS.items():
            for name in [*names, "unknown"]:
                for what, value in IN_AN_ADDRESS.items():
                    answer = await root.get(f"{path}?{name}={value}")
                    if what == "a NUL" or not answer.is_success:
                        complaints[f"{path}?{name}: {what}"] = complaint(answer)

    assert {} == only_wrong(complaints)


@pytest.mark.parametrize("limit", ["0", "-1", "201", "1.5", "1e999", "1" + "0" * 400, "all", ""])
async def test_no_list_takes_a_page_outside_of_1_to_200_entries(root: Client, limit: str):
    lists = [path for path, names in READS.items() if "limit" in names]

    answers = {path: await root.get(f"{path}?limit={limit}") for path in lists}

    assert dict.fromkeys(lists, (422, "invalid_request")) == {
        path: (answer.status_code, answer.json().get("code")) for path, answer in answers.items()
    }


async def test_a_body_of_the_greatest_size_is_read_and_one_byte_more_is_not(house: RunningHouse, root: Client):
    most = house.house.settings.max_body_bytes
    headers = {"content-type": "application/json"}
    fitting = b'{"name": "fits"' + b" " * (most - 16) + b"}"

    assert 201 == (await root.post("/api/tenants", content=fitting, headers=headers)).status_code
    answer = await root.post("/api/tenants", content=fitting + b" ", headers=headers)
    assert (413, "body_too_large") == (answer.status_code, answer.json()["code"])


@pytest.mark.parametrize("path", ["/api/tenants", "/api/auth/login", "/api/nowhere"])
async def test_a_body_that_is_declared_too_large_is_not_even_read(root: Client, path: str):
    async def never() -> AsyncIterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    answer = await root.post(path, content=never(), headers={"content-length": "999999999999"})

    assert (413, "body_too_large") == (answer.status_code, answer.json()["code"])


async def test_a_body_of_undeclared_size_is_read_only_up_to_the_limit(house: RunningHouse, root: Client):
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 65_536
            yield b" " * 65_536

    answer = await root.post("/api/tenants", content=endless(), headers={"content-type": "application/json"})

    assert (413, "body_too_large") == (answer.status_code, answer.json()["code"])
    assert read <= house.house.settings.max_body_bytes + 65_536


@pytest.mark.parametrize("declared", ["nonsense", "-1", "1_0", "9" * 5000, "1.5", "٣"])
async def test_a_length_that_is_no_number_is_not_an_error_of_ours(root: Client, declared: str):
    answer = await root.post(
        "/api/tenants",
        content=b"{}",
        headers={"content-length": declared.encode(), "content-type": "application/json"},
    )

    assert 400 <= answer.status_code < 500
