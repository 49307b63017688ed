"""Routes through the API: what is taken, what is refused, and what is shown where no nginx is set up."""

from typing import Any

from sqlalchemy import insert
from support.answers import granted, refusal, together
from support.house import Client, RunningHouse
from support.routes import add_service, members, proxy_of

from monoize.base.ids import new_id
from monoize.control.compute.tables import vps_configs, vpses
from monoize.control.projects.store import routes


def wanted(domain: str = "app.example.com", **more: Any) -> dict[str, Any]:
    return {"domain": domain, **more}


async def test_a_route_is_made_shown_changed_and_deleted(house_everywhere: RunningHouse):
    root = await house_everywhere.make_root()
    service = await add_service(house_everywhere)
    address = f"/api/services/{service}/routes"

    options = {"timeout_s": 5, "headers": {"X-A": "b; 'c'"}}
    made = granted(await root.post(address, json=wanted("App.Example.com.", path="/api/", tls=True, **options)))
    assert ("app.example.com", "/api", 80, True, "service") == tuple(
        made[name] for name in ("domain", "path", "port", "tls", "target")
    )
    assert (5, 50, {"X-A": "b; 'c'"}) == tuple(
        made["options"][name] for name in ("timeout_s", "body_mb", "headers")
    )
    assert ("not_served", False) == (made["state"], made["applied"])
    assert made == granted(await root.get(f"/api/routes/{made['id']}"))

    # The same domain again, for another path.
    other = granted(await root.post(address, json=wanted(path="/")))
    listed = granted(await root.get("/api/routes", params={"domain": "app.example.com"}))["items"]
    assert [other["id"], made["id"]] == [one["id"] for one in listed]
    assert listed == granted(await root.get(address))["items"]
    assert (409, "route_exists") == refusal(await root.post(address, json=wanted(path="/api")))

    changed = granted(
        await root.patch(f"/api/routes/{made['id']}", json={"timeout_s": None, "body_mb": 7, "tls": False})
    )
    assert (None, 7, {"X-A": "b; 'c'"}, False) == (
        changed["options"]["timeout_s"],
        changed["options"]["body_mb"],
        changed["options"]["headers"],
        changed["tls"],
    )
    assert (409, "route_exists") == refusal(await root.patch(f"/api/routes/{made['id']}", json={"path": "/"}))
    assert 204 == (await root.delete(f"/api/routes/{made['id']}")).status_code
    assert (404, "route_not_found") == refusal(await root.get(f"/api/routes/{made['id']}"))


async def test_of_many_who_want_one_address_one_gets_it(house_everywhere: RunningHouse):
    root = await house_everywhere.make_root()
    services = [await add_service(house_everywhere, f"web{n}") for n in range(3)]

    answers = await together(*(root.post(f"/api/services/{one}/routes", json=wanted()) for one in services))

    assert [201, 409, 409] == sorted(answer.status_code for answer in answers)


async def test_who_answers_is_replaced_as_a_whole(house_everywhere: RunningHouse):
    service = await add_service(house_everywhere)
    proxy = proxy_of(house_everywhere)

    assert None is await proxy.switch(service, members(8001, 8002))
    await proxy.switch(service, members(8002, 8003))
    async with house_everywhere.house.database.read() as tx:
        told = await routes.members(tx)
    assert {(service, 80, "127.0.0.1:8002"), (service, 80, "127.0.0.1:8003")} == set(told)


UNWRITABLE = [
    wanted("a.example.com; }"),
    wanted("*.*.example.com"),
    wanted("127.0.0.1"),
    wanted("x" * 2000),
    wanted(path="/a b"),
    wanted(path="/../etc"),
    wanted(path="/a{"),
    wanted(headers={"X-A": 'a"; return 200 "'}),
    wanted(headers={"X-A": "$request_body"}),
    wanted(headers={"Transfer-Encoding": "chunked"}),
    wanted(headers={"X-A": "a\r\nSet-Cookie: b"}),
    wanted(headers={"X-A": "1", "x-a": "2"}),
    wanted(headers={f"X-{n}": "a" for n in range(21)}),
    wanted(timeout_s=0),
    wanted(timeout_s="5s; root /"),
    wanted(body_mb=100_000),
    wanted(port=0),
    wanted(raw="return 200;"),
    {},
]


async def test_what_could_not_be_written_is_refused(house: RunningHouse, root: Client):
    service = await add_service(house)
    for body in UNWRITABLE:
        answer = await root.post(f"/api/services/{service}/routes", json=body)
        assert (422, "invalid_request") == refusal(answer), body


async def test_a_route_leads_to_a_port_of_its_service(house: RunningHouse, root: Client):
    service = await add_service(house, "two", 80, 8080)
    address = f"/api/services/{service}/routes"

    assert (422, "port_not_exposed") == refusal(await root.post(address, json=wanted()))
    assert (422, "port_not_exposed") == refusal(await root.post(address, json=wanted(port=81)))
    made = granted(await root.post(address, json=wanted(port=8080)))
    assert (422, "port_not_exposed") == refusal(await root.patch(f"/api/routes/{made['id']}", json={"port": 81}))
    assert (404, "service_not_found") == refusal(await root.post("/api/services/99/routes", json=wanted()))


async def test_administrators_let_routes_lead_to_machines_and_to_the_gateway(house: RunningHouse, root: Client):
    machine, config = new_id(), new_id()
    async with house.house.database.write() as tx:
        sizes = {"cpu_millicores": 1, "memory_mb": 1, "disk_gb": 1}
        await tx.execute(insert(vps_configs).values(id=config, name="small", provider="fly", image="a", **sizes))
        row = {"id": machine, "user_id": root.user["id"], "vps_config_id": config, "name": "m", "provider": "fly"}
        await tx.execute(insert(vpses).values(**row, address="10.1.2.3:18789", state="running"))
    to_machine = wanted("agent.example.com", target="machine", machine_id=machine, port=3000)
    to_gateway = wanted("models.example.com", target="gateway")

    made = granted(await root.post("/api/routes", json=to_machine))
    gateway = granted(await root.post("/api/routes", json=to_gateway))
    assert "server 10.1.2.3:3000 max_fails=0;" in (await root.get(f"/api/routes/{made['id']}/config")).text
    assert "server 127.0.0.1:8080 max_fails=0;" in (await root.get(f"/api/routes/{gateway['id']}/config")).text
    assert (404, "machine_not_found") == refusal(
        await root.post("/api/routes", json=to_machine | {"machine_id": new_id(), "path": "/x"})
    )
    assert (422, "route_without_target") == refusal(
        await root.post("/api/routes", json=wanted(target="machine", port=1))
    )
    assert (422, "invalid_request") == refusal(await root.post("/api/routes", json=wanted(target="service")))

    deployer = await house.make_token(root, "ci", role="deployer")
    assert (403, "not_permitted") == refusal(await deployer.post("/api/routes", json=to_gateway))
    assert (403, "route_of_administrators") == refusal(
        await deployer.patch(f"/api/routes/{gateway['id']}", json={"domain": "mine.example.com"})
    )
    assert (403, "route_of_administrators") == refusal(await deployer.delete(f"/api/routes/{gateway['id']}"))


async def test_without_an_nginx_everything_is_shown_and_nothing_is_claimed(house: RunningHouse, root: Client):
    service = await add_service(house)
    made = granted(await root.post(f"/api/services/{service}/routes", json=wanted()))

    preview = granted(await root.get(f"/api/routes/{made['id']}/config"))["config"]
    assert 'server_name "app.example.com";' in preview
    assert preview == granted(await root.get("/api/nginx/config"))["config"]
    status = granted(await root.get("/api/nginx"))
    assert (False, False, None) == (status["set_up"], status["running"], status["generation"])
    assert (409, "nginx_not_set_up") == refusal(await root.post("/api/nginx/reload"))


async def test_a_repeated_request_makes_one_route(house: RunningHouse, root: Client):
    service = await add_service(house)
    key = {"idempotency-key": "once"}

    first = await root.post(f"/api/services/{service}/routes", json=wanted(), headers=key)
    again = await root.post(f"/api/services/{service}/routes", json=wanted(), headers=key)
    assert granted(first) == granted(again)
    assert "true" == again.headers["idempotent-replayed"]
