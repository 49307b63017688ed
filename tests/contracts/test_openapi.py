"""The API against its own description: whatever is sent, it is answered as documented and never with a 5xx."""

import asyncio
import contextlib
import dataclasses
import itertools
from collections.abc import Callable, Iterator
from typing import Any, Final

import httpx2
import hypothesis
import pytest
import schemathesis
from fakes.smtp import MailSink
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from support.docker_engine import LazyEngine
from support.endpoints import ENDLESS, TO_STRANGERS, document
from support.engines import SqliteScratch
from support.house import Client, RunningHouse, open_house, test_settings
from support.money import Till, open_till
from support.upstreams import open_upstreams

DOCUMENT: Final = document()
SCHEMA: Final = schemathesis.openapi.from_dict(DOCUMENT)
OPERATIONS: Final = [
    operation
    for found in SCHEMA.get_all_operations()
    if (operation := found.ok()).label not in ENDLESS | TO_STRANGERS
]
CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
ADDRESS: Final = "http://monoize.test"


@dataclasses.dataclass(frozen=True)
class Asked:
    """A house that is asked from outside of its event loop, as the generator of requests wants it."""

    run: Callable[..., Any]
    house: RunningHouse
    root: Client
    existing: dict[str, str]
    count: Iterator[int] = dataclasses.field(default_factory=itertools.count)

    def send(self, case: Case, client: Client) -> httpx2.Response:
        number = next(self.count)
        if number % 2:
            case.path_parameters = {
                name: self.existing.get(name, value) for name, value in (case.path_parameters or {}).items()
            }
        wanted = case.as_transport_kwargs(base_url=ADDRESS)
        wanted.pop("cookies")
        if isinstance(wanted.get("data"), bytes):
            wanted["content"] = wanted.pop("data")
        headers = {name: value for name, value in wanted.pop("headers").items() if name.lower() != "authorization"}
        headers["x-forwarded-for"] = f"10.0.{number >> 8 & 255}.{number & 255}"
        return self.run(client.request(**wanted, headers=headers))


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory, lazy_engine: LazyEngine) -> Iterator[Asked]:
    lazy_engine.needed()
    folder = tmp_path_factory.mktemp("openapi")
    dsn = SqliteScratch(folder).fresh()
    with asyncio.Runner() as runner:
        stack = contextlib.AsyncExitStack()
        mail = runner.run(stack.enter_async_context(MailSink()))
        settings = test_settings(
            dsn,
            folder,
            registration_enabled=True,
            smtp_url=mail.url,
            mail_from="monoize@example.com",
            docker_url=lazy_engine.url,
        )
        house = runner.run(stack.enter_async_context(open_house(settings)))
        till = runner.run(stack.enter_async_context(open_till(house)))
        runner.run(stack.enter_async_context(open_upstreams(house)))
        root = runner.run(house.make_root())
        existing = runner.run(things(root)) | {"request_id": runner.run(logged_request(till, root))}
        yield Asked(runner.run, house, root, existing)
        runner.run(stack.aclose())


async def things(root: Client) -> dict[str, str]:
    """Something that is there, for each path parameter."""
    user = (await root.post("/api/users", json={"username": "alice"})).json()["id"]
    key = (await root.post("/api/keys", json={"name": "laptop"})).json()["key"]["id"]
    tenant = (await root.post("/api/tenants", json={"name": "somewhere"})).json()["id"]
    token = (await root.post("/api/tokens", json={"name": "ci"})).json()["token"]["name"]
    channel = {"name": "first", "base_url": "https://api.example.com", "api_key": "0123456789abcdef"}
    provider = (await root.post("/api/providers", json={"name": "u", "type": "echo", "channels": [channel]})).json()
    record = (await root.post("/api/agent-records", json={"name": "sam", "role_name": "helper"})).json()["id"]
    upstream = {"provider_id": provider["id"], "channel_id": provider["channels"][0]["id"]}
    host = (await root.post("/api/fleet/hosts", json={"fqdn": "build-1"})).json()["host"]["fqdn"]
    file = (await root.post("/api/fleet/files", json={"kind": "agents", "body": "Be kind."})).json()["id"]
    limits = (await root.post("/api/agent-limits", json={"agent_role_id": "worker"})).json()["id"]
    await root.post("/api/plans", json={"name": "small", "max_agents": 9, "max_vpses": 9})
    made = {"provider": "process", "image": "sleep 60", "cpu_millicores": 500, "memory_mb": 256}
    await root.post("/api/vps-configs", json={"name": "tiny", **made})
    named = {"tenant_id": tenant, "name": token, "host": host, "file_id": file, "plan": "small", "preset": "tiny"}
    agents = {"record_id": record, "agent_id": record, "limits_id": limits}
    return {"user_id": user, "key_id": key, **named, **agents, **upstream}


async def logged_request(till: Till, root: Client) -> str:
    await till.top_up(root.user["id"], 5)
    request_id = await till.spend(root.user["id"], 5)
    await till.money.handover.post_all()
    return request_id


def generated(examples: int) -> hypothesis.settings:
    return hypothesis.settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )


def cases() -> Iterator[Any]:
    """Each operation asked rightly, and wrongly if there is anything about it to get wrong."""
    for operation in OPERATIONS:
        yield pytest.param(operation, GenerationMode.POSITIVE, id=f"{operation.label}-rightly")
        if {"parameters", "requestBody"} & operation.definition.raw.keys():
            yield pytest.param(operation, GenerationMode.NEGATIVE, id=f"{operation.label}-wrongly")


@pytest.mark.parametrize(("operation", "mode"), list(cases()))
def test_an_administrator_is_answered_as_documented(asked: Asked, operation: Any, mode: GenerationMode):
    # A session for each operation, since one of them ends it.
    session = asked.run(asked.house.enter_again(asked.root))

    @generated(3)
    @hypothesis.given(case=operation.as_strategy(mode))
    def check(case: Case) -> None:
        case.validate_response(asked.send(case, session), checks=CHECKS)

    check()


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.label)
def test_a_stranger_is_answered_as_documented(asked: Asked, operation: Any):
    visitor = asked.house.visitor()

    @generated(1)
    @hypothesis.given(case=operation.as_strategy())
    def check(case: Case) -> None:
        case.validate_response(asked.send(case, visitor), checks=CHECKS)

    check()


def test_every_operation_documents_how_it_refuses():
    silent = [
        f"{method} {path}"
        for path, operations in DOCUMENT["paths"].items()
        for method, operation in operations.items()
        if "application/problem+json" not in operation["responses"]["default"]["content"]
    ]

    assert [] == silent
