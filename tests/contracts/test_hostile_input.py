"""Whatever is put into an address, a query or a body's size: a refusal with a code, and nothing was changed."""

import itertools
from collections.abc import AsyncIterator
from typing import Final

import pytest
from support.endpoints import document
from support.hostile import SQL, complaint, only_wrong, some_of
from support.house import Client, RunningHouse
from support.money import open_till
from support.mutations import Scene
from support.rows import every_row

from monoize.control.projects.errors import EngineAway

DOCUMENT: Final = document()
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


async def test_sql_in_a_name_is_stored_as_it_was_written(root: Client):
    for name in SQL:
        assert name == (await root.post("/api/tenants", json={"name": name})).json()["name"]

    names = {tenant["name"] for tenant in (await root.get("/api/tenants")).json()["items"]}
    assert {"default", *SQL} == names


async def test_a_hostile_path_finds_nothing_and_changes_nothing(scene: Scene):
    root = await scene.root()
    before = await every_row(scene.house.house.database)

    complaints = {}
    for turn, (method, path) in enumerate(WITH_PATH_PARAMETER):
        body = {"name": "x"} if method == "PATCH" else None
        for what, value in some_of(IN_AN_ADDRESS, turn, 4).items():
            filled = path[: path.index("{")] + value + path[path.index("}") + 1 :]
            complaints[f"{method} {path}: {what}"] = complaint(await root.request(method, filled, json=body))

    assert {} == only_wrong(complaints)
    assert before == await every_row(scene.house.house.database)


async def test_a_hostile_query_is_answered_or_refused_but_is_never_an_error_of_ours(
    house: RunningHouse, root: Client
):
    complaints = {}
    turn = itertools.count()
    async with open_till(house):
        for path, names in READS.items():
            for name in [*names, "unknown"]:
                for what, value in some_of(IN_AN_ADDRESS, next(turn), 4).items():
                    answer = await root.get(f"{path}?{name}={value}")
                    if answer.status_code == EngineAway.status and answer.json()["code"] == EngineAway.code:
                        continue
                    if what == "a NUL" or not answer.is_success:
                        complaints[f"{path}?{name}: {what}"] = complaint(answer)

    assert {} == only_wrong(complaints)


@pytest.mark.parametrize("limit", ["0", "-1", "201", "1.5", "1e999", "1" + "0" * 400, "all", ""])
async def test_no_list_takes_a_page_outside_of_1_to_200_entries(root: Client, limit: str):
    lists = [path for path, names in READS.items() if "limit" in names and "{" not in path]

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
