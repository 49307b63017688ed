"""An agent with its record, the program that runs it, and people who decide for it."""

import contextlib
import dataclasses
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2

from support.answers import granted
from support.house import Client, RunningHouse, open_house, test_settings


@dataclasses.dataclass
class AgentRuntime:
    """`program` is what asks in the agent's name: a token of the role `deployer`."""

    house: RunningHouse
    root: Client
    program: Client
    program_name: str
    agent: dict[str, Any]

    async def check(self, **body: Any) -> httpx2.Response:
        return await self.program.post(f"/api/agents/{self.agent['id']}/operations/check", json=body)

    async def set_limits(self, **values: Any) -> dict[str, Any]:
        """Limits of the agent's role, made or changed."""
        found = granted(await self.root.get("/api/agent-limits", params={"agent_role_id": self.agent["role_name"]}))
        if found["items"]:
            path = f"/api/agent-limits/{found['items'][0]['id']}"
            changed: dict[str, Any] = granted(await self.root.patch(path, json=values))
            return changed
        body = {"agent_role_id": self.agent["role_name"], **values}
        made: dict[str, Any] = granted(await self.root.post("/api/agent-limits", json=body))
        return made

    async def change(self, **fields: Any) -> None:
        """The agent's record."""
        path = f"/api/agent-records/{self.agent['id']}"
        body = {"version": self.agent["config_version"], "sole_admin": True, **fields}
        self.agent = granted(await self.root.patch(path, json=body))

    async def propose(self, client: Client | None = None, **fields: Any) -> httpx2.Response:
        return await (client or self.program).post("/api/approvals", json=self.proposal(**fields))

    def proposal(self, **fields: Any) -> dict[str, Any]:
        arguments = json.dumps(fields.pop("arguments", {"a": 1, "b": 2}))
        body = {"agent_id": self.agent["id"], "kind": "tool", "subject": "d1_execute", "arguments": arguments}
        return {**body, **fields}


async def make_agent_runtime(house: RunningHouse, **record: Any) -> AgentRuntime:
    root = await house.make_root()
    fields = {"name": "worker", "role_name": "worker", "mode": "worker", **record}
    agent = granted(await root.post("/api/agent-records", json=fields))
    name = f"runtime-{agent['id'][-12:]}"
    program = await house.make_token(root, name, role="deployer")
    return AgentRuntime(house, root, program, name, agent)


@contextlib.asynccontextmanager
async def open_agent_runtime(dsn: str, folder: Path, **settings: Any) -> AsyncIterator[AgentRuntime]:
    async with open_house(test_settings(dsn, folder, **settings)) as house:
        yield await make_agent_runtime(house)
