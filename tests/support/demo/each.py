"""One or two of each thing that a page shows, made as people make them: through the API.

What only an engine, a DNS or an hour's wait would bring about is inserted.
"""

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from sqlalchemy import Table, insert, select

from monoize.base.ids import new_id
from monoize.contract.captures import SUFFIX, Capture, CapturedAttempt, LeftOut, Message
from monoize.control.compute.tables import agents, compute_operation_steps, compute_operations, vpses
from monoize.control.fleet.tables import fleet_alerts, hosts
from monoize.control.identity.tables import users
from monoize.control.mcp.tables import mcp_tools
from monoize.control.projects.model.releases import env_place
from monoize.control.projects.tables import (
    builds,
    deployments,
    domains,
    operation_lines,
    proxy_generations,
    releases,
    services,
)
from monoize.infra.bulk import insert_many
from monoize.infra.db import Tx
from monoize.main.gateway import captures_folder
from support.answers import granted
from support.house import Client, RunningHouse
from support.tls import issue

PRICES: Final = ((400, "3", "15"), (200, "2.8", "14"), (20, "2.5", "12"))
"""Days ago, and what a million tokens cost from then on: in and out."""
OWN_KEY: Final = "root's laptop"
CAPTURED: Final = ("01a1fc11-0000-7000-8000-000000000001", "01a1fc11-0000-7000-8000-000000000002")
SERVICES: Final = ("web", "api", "worker")
RELEASES: Final = 3
LOGIN: Final = {"OPENAI_API_KEY": "sk-live-4f9a8b7c6d5e4f3a2b1c"}


class Each:
    def __init__(self, house: RunningHouse, root: Client, now: dt.datetime) -> None:
        self._house, self._root, self._now = house, root, now
        self._database = house.house.database

    async def fill(self) -> None:
        await self._captures()
        await self._people()
        await self._prices()
        await self._compute()
        await self._governance()
        await self._tools_and_knowledge()
        await self._fleet()
        await self._projects()

    async def _people(self) -> None:
        await self._post("/api/tenants", name="research")
        for token in ("deploys", "reports"):
            await self._post("/api/tokens", name=token, role="deployer")
        async with self._database.read() as tx:
            people = list((await tx.execute(select(users.c.id).order_by(users.c.username).limit(3))).scalars())
        for person in people:
            await self._post("/api/ledger/top-ups", user_id=person, amount_nano_usd="5000000000", note="invoice 7")
        key = (await self._post("/api/keys", name=OWN_KEY))["key"]["id"]
        granted(await self._root.put(f"/api/ledger/sub-accounts/{key}", json={"enabled": True}))

    async def _captures(self) -> None:
        folder = captures_folder(self._house.house.settings)
        folder.mkdir(exist_ok=True)
        asked = Message(method="POST", address="/v1/messages", headers=[("accept", "*/*")], body='{"model":"m"}')
        told = Message(status=200, frames=["event: message_start", "data: {}"])
        attempt = CapturedAttempt(provider_id="p", channel_id="c", upstream_model="m", sent=asked, came=told)
        for request_id in CAPTURED:
            capture = Capture(
                request_id=request_id,
                at_ms=int(self._now.timestamp() * 1000),
                user_id=str(self._root.user["id"]),
                api_key_id="k",
                protocol="messages",
                asked=asked,
                attempts=[attempt],
                told=told,
                left_out=LeftOut(frames=3),
            )
            (folder / f"{request_id}{SUFFIX}").write_bytes(msgspec.json.encode(capture))

    async def _prices(self) -> None:
        for days, input, output in PRICES:
            await self._post(
                "/api/prices",
                provider="anthropic",
                model_key="claude-sonnet-4-5",
                effective_from=(self._now - dt.timedelta(days=days)).isoformat(),
                input_usd_per_mtok=input,
                output_usd_per_mtok=output,
                source_url="https://example.com/prices",
                checked_at=self._now.isoformat(),
            )
        await self._post(
            "/api/prices",
            provider="anthropic",
            model_key="claude-sonnet-4-5",
            effective_from=(self._now + dt.timedelta(days=1)).isoformat(),
            input_usd_per_mtok="30",
            output_usd_per_mtok="150",
            source_url="https://example.com/prices",
            checked_at=self._now.isoformat(),
        )

        listed = {"anthropic": {"models": {"claude-opus-5": {"cost": {"input": 5, "output": 25}}}}}
        await self._post(
            "/api/prices/imports",
            format="models_dev",
            document=json.dumps(listed),
            source_url="https://models.dev/api.json",
        )

    async def _compute(self) -> None:
        for plan in ("team", "trial"):
            await self._post("/api/plans", name=plan, max_agents=50, max_vpses=50)
        granted(await self._root.put("/api/plans/team/vps-configs/demo"))
        granted(await self._root.put(f"/api/users/{self._root.user['id']}/plan", json={"plan": "team"}))
        granted(await self._root.put(f"/api/users/{self._root.user['id']}/plan", json={"plan": "team"}))
        async with self._database.write() as tx:
            machine = (await tx.execute(select(vpses).order_by(vpses.c.name).limit(1))).mappings().one()
            agent = await tx.scalar(select(agents.c.id).where(agents.c.vps_id == machine["id"]))
            operation = {
                "id": new_id(),
                "kind": "create",
                "vps_id": machine["id"],
                "agent_id": agent,
                "user_id": machine["user_id"],
                "state": "done",
                "requested_by": "user:root",
                "due_at": self._now,
                "deadline": self._now,
                "started_at": self._now - dt.timedelta(minutes=3),
                "ended_at": self._now - dt.timedelta(minutes=2),
            }
            await tx.execute(insert(compute_operations).values(**operation))
            steps = [
                {"operation_id": operation["id"], "position": at, "name": name, "state": "done"}
                for at, name in enumerate(("create", "boot", "health"))
            ]
            await insert_many(tx, compute_operation_steps, steps)

    async def _governance(self) -> None:
        record = await self._post(
            "/api/agent-records",
            name="sam",
            role_name="writer",
            mode="worker",
            policies={"model_policy_json": {"blocked_models": ["gpt-*"]}},
        )
        path = f"/api/agent-records/{record['id']}"
        stricter = {"model_policy_json": {"blocked_models": ["gpt-*", "o1-*"]}}
        change = {"version": 1, "policies": stricter, "sole_admin": True}
        granted(await self._root.patch(path, json=change))
        await self._post("/api/agent-records", name="tim", role_name="reader", mode="worker")
        for role in ("writer", "reader"):
            await self._post("/api/agent-limits", agent_role_id=role)
        runtime = await self._house.make_token(self._root, "runtime", role="deployer")
        for number, subject in enumerate(("d1_execute", "send_mail")):
            arguments = json.dumps({"number": number})
            proposal = {"agent_id": record["id"], "kind": "tool", "subject": subject, "arguments": arguments}
            granted(await runtime.post("/api/approvals", json=proposal))

    async def _tools_and_knowledge(self) -> None:
        service = await self._post("/api/mcp-services", name="shop", url="https://mcp.example.com/mcp")
        told = {"name": "look", "description": "Looks something up.", "inputSchema": {"type": "object"}}
        async with self._database.write() as tx:
            tool = {"service_id": service["id"], "name": "look", "found_definition": told, "found_hash": "0" * 64}
            await tx.execute(insert(mcp_tools).values(id=new_id(), **tool))
        for note in ("Releases are frozen in December.", "The warehouse counts by pallets."):
            await self._post("/api/notes", note=note)
        opened = {"access_key_id": "AKIAEXAMPLE", "secret": "between-us", "enabled": False}
        await self._post("/api/buckets", name="photos", endpoint="https://s3.example.com", **opened)
        await self._post("/api/fleet/files", kind="agents", body="Be kind.")

    async def _fleet(self) -> None:
        for day in (1, 2):
            auth = {**LOGIN, "last_refresh": f"2026-11-0{day}T10:00:00Z"}
            await self._post("/api/fleet/credentials/default", auth=auth)
        await self._post("/api/fleet/pools", name="research")
        async with self._database.write() as tx:
            host = (await tx.execute(select(hosts).order_by(hosts.c.id).limit(1))).mappings().one()
            alert = {
                "subject": host["fqdn"],
                "host_id": host["id"],
                "pool_id": host["pool_id"],
                "details": {},
                "raised_at": self._now,
                "last_seen_at": self._now,
            }
            for kind in ("stale_host", "new_ip"):
                await tx.execute(insert(fleet_alerts).values({**alert, "id": new_id(), "kind": kind}))

    async def _projects(self) -> None:
        await self._post("/api/registries", name="ours", type="ghcr", server="ghcr.io", username="r", password="p")
        environment = await self._post("/api/environments", name="live", kind="production")
        await self._post("/api/environments", name="trial", kind="staging", inherits_id=environment["id"])
        values = {"values": {"REGION": {"value": "eu"}, "API_TOKEN": {"value": "between us", "is_secret": True}}}
        granted(await self._root.put(f"/api/environments/{environment['id']}/variables", json=values))
        project = await self._post("/api/projects", name="shop", description="What customers see")
        for name in SERVICES:
            made = await self._post(
                f"/api/projects/{project['id']}/services",
                name=name,
                image=f"ghcr.io/acme/{name}:1",
                ports=[{"container": 8080}],
                start=False,
            )
            service = int(made["service"]["id"])
            granted(await self._root.put(f"/api/services/{service}/secrets", json=values))
            for path in ("/", "/v2"):
                await self._post(f"/api/services/{service}/routes", domain=f"{name}.example.com", path=path)
            await self._released(int(project["id"]), service, name)
        async with self._database.read() as tx:
            mine = select(services.c.id).where(services.c.project_id == int(project["id"])).order_by(services.c.id)
            first, *others = (await tx.execute(mine)).scalars()
        granted(await self._root.put(f"/api/services/{first}/links", json={"targets": others}))
        gone = await self._post(f"/api/projects/{project['id']}/services", name="old", image="old:1", start=False)
        granted(await self._root.request("DELETE", f"/api/services/{gone['service']['id']}", json={"name": "old"}))
        pair = issue("web.example.com")
        sent = {"type": "uploaded", "domain": "web.example.com", "cert_pem": pair.chain, "key_pem": pair.key}
        await self._post("/api/certificates", **sent)
        async with self._database.write() as tx:
            await tx.execute(insert(domains).values(name="web.example.com", verification_token=new_id()))
            served = {"generation": "demo", "status": "served", "active": 1, "routes": len(SERVICES)}
            await tx.execute(insert(proxy_generations).values(**served))

    async def _released(self, project: int, service: int, name: str) -> None:
        """What an engine would have made of it."""
        place = {"project_id": project, "service_id": service}
        seal = self._house.house.seal
        async with self._database.write() as tx:
            for number in range(1, RELEASES + 1):
                image = f"ghcr.io/acme/{name}:{number}"
                ended = self._now - dt.timedelta(days=RELEASES - number)
                release = {
                    "service_id": service,
                    "number": number,
                    "image": image,
                    "image_id": "sha256:" + f"{number:064x}",
                    "config": {},
                    "config_hash": str(number),
                    "env_sealed": seal.seal("{}", *env_place(service)),
                    "secret_versions": {},
                    "proven_at": ended,
                }
                await tx.execute(insert(releases).values(**release))
                times = {"started_at": ended - dt.timedelta(minutes=1), "finished_at": ended}
                built = {**place, "repository": f"https://git.example.com/shop/{name}.git", "ref": "main"}
                built |= {"context": ".", "dockerfile": "Dockerfile", "status": "success", "image": image, **times}
                deployed = {**place, "image_tag": image, "status": "live", "requested_by": "user:root", **times}
                build_id = await _inserted(tx, builds, built)
                deployment_id = await _inserted(tx, deployments, deployed)
                lines: list[dict[str, Any]] = [{"build_id": build_id, "kind": "out", "line": "Step 1 of 1"}]
                lines += [{"deployment_id": deployment_id, "kind": "step", "line": "Live."}]
                for line in lines:
                    await tx.execute(insert(operation_lines).values(**line))

    async def _post(self, path: str, /, **body: Any) -> dict[str, Any]:
        answer: dict[str, Any] = granted(await self._root.post(path, json=body))
        return answer


async def _inserted(tx: Tx, table: Table, values: Mapping[str, Any]) -> int:
    """The number that it was given."""
    key = (await tx.execute(insert(table).values(**values))).inserted_primary_key
    assert key is not None
    return int(key[0])
