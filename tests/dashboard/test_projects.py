"""Projects on pages: services, their releases, builds, secrets, routes, and what is kept from whom."""

import pytest
from dashboard.surfer import Page, Surfer

from monoize.control.projects.model.config import Port, Volume
from monoize.dashboard.forms import Form, Invalid
from monoize.dashboard.pages.projects import config_form


@pytest.fixture
async def project(boss: Surfer) -> str:
    """The address of one."""
    made = await boss.submit("/projects", name="shop", description="What customers see")
    return made.headers["location"].split("?")[0]


async def _service(boss: Surfer, project: str, **fields: str) -> str:
    """Its address; the first deployment waits for an engine that is not there."""
    entered = {"name": "web", "image": "ghcr.io/acme/web:1.4", "ports": "8080", "replicas": "1", "health": "tcp"}
    made = await boss.submit(f"{project}/services", **(entered | fields))
    assert (303, True) == (made.status_code, made.headers["location"].startswith("/deployments/")), made.text
    deployment = await boss.get(made.headers["location"])
    return next(a["href"] for a in Page(deployment).all("a") if a["href"].startswith("/services/"))


async def test_people_without_the_permission_see_nothing_of_projects(alice, project):
    for address in ("/projects", project, "/services", "/routes", "/environments", "/registries", "/proxy"):
        assert 403 == (await alice.get(address)).status_code, address
    assert 403 == (await alice.submit("/projects", name="mine")).status_code
    assert "/projects" not in {a["href"] for a in Page(await alice.get("/")).all("a")}


async def test_a_service_is_deployed_shown_changed_and_deleted(root, boss, project):
    refused = await boss.submit(f"{project}/services", name="Web", image="no image!", ports="eighty")
    assert 422 == refused.status_code
    assert "eighty" == Page(refused).one("textarea", id="ports").text.strip()
    service = await _service(boss, project, env="LOG_LEVEL=info\nAPI_TOKEN=s3cret", ports="8080\n9000:9090/udp")

    shown = (await boss.get(service)).text
    assert "ghcr.io/acme/web:1.4" in shown and "9000:9090/udp" in shown
    form = Page(await boss.get(f"{service}/settings"))
    assert "s3cret" not in form.one("textarea", id="env").text
    kept = {name: form.one("textarea", id=name).text.strip("\n") for name in ("ports", "env")}
    changed = await boss.submit(
        f"{service}/settings", name="web", image="ghcr.io/acme/web:1.5", replicas="1", health="none", **kept
    )
    assert f"{service}?done=service_saved" == changed.headers["location"]
    told = (await root.get(f"/api{service}")).json()
    assert ("ghcr.io/acme/web:1.5", "none", 9000) == (
        told["config"]["image"],
        told["config"]["health"]["kind"],
        told["config"]["ports"][1]["host"],
    )
    assert 200 == (await boss.get(f"{service}/logs")).status_code
    assert "Nothing was released yet" in (await boss.get(f"{service}/releases")).text
    assert 404 == (await boss.submit(f"{service}/power/explode")).status_code
    assert 409 == (await boss.submit(f"{service}/power/restart")).status_code
    asked = await boss.submit(f"{service}/releases", image="ghcr.io/acme/web:1.6", reason="newest")
    deployment = asked.headers["location"]
    assert "newest" in (await boss.get(deployment)).text
    assert 303 == (await boss.submit(f"{deployment}/cancel")).status_code
    assert 409 == (await boss.submit(f"{service}/releases/roll-back", release="")).status_code

    assert 422 == (await boss.submit(f"{service}/delete", name="other")).status_code
    assert 303 == (await boss.submit(f"{service}/delete", name="web")).status_code
    assert "web" in (await boss.get("/projects/removals")).text


async def test_secrets_go_in_and_only_their_names_and_versions_come_out(boss, project):
    service = await _service(boss, project)
    for value in ("s3cret-1", "s3cret-2"):
        await boss.submit(f"{service}/secrets", key="DB_PASSWORD", value=value, is_secret="yes")
    wrong = await boss.submit(f"{service}/secrets", key="no name", value="s3cret-3", is_secret="yes")
    await boss.submit(f"{service}/secrets", key="REGION", value="eu-1")

    shown = (await boss.get(f"{service}/environment")).text
    assert "DB_PASSWORD" in shown and "eu-1" in shown
    assert not [text for text in (shown, wrong.text) if "s3cret" in text]
    versions = await boss.get(f"{service}/secrets/DB_PASSWORD")
    assert "Restore" in versions.text
    assert 303 == (await boss.submit(f"{service}/secrets/DB_PASSWORD/restore", version="1")).status_code
    assert "3" in (await boss.get(f"{service}/secrets/DB_PASSWORD")).text
    await boss.submit(f"{service}/secrets/DB_PASSWORD/delete")
    assert "DB_PASSWORD" not in (await boss.get(f"{service}/environment")).text


async def test_a_route_is_tried_out_made_changed_and_deleted(root, boss, project):
    service = await _service(boss, project)
    refused = await boss.submit(f"{service}/routes", domain="not a domain", headers="no colon")
    assert 422 == refused.status_code
    terms = {"path": "/", "body_mb": "20", "websocket": "yes", "headers": "X-Frame-Options: DENY"}
    assert 303 == (await boss.submit(f"{service}/routes", domain="shop.example.com", **terms)).status_code
    (kept,) = (await root.get("/api/routes")).json()["items"]
    assert (8080, 20, False, {"X-Frame-Options": "DENY"}) == (
        kept["port"],
        kept["options"]["body_mb"],
        kept["tls"],
        kept["options"]["headers"],
    )
    route = f"/routes/{kept['id']}"
    assert "nginx is not set up" in (await boss.get("/routes")).text
    await boss.submit(route, domain="shop.example.com", path="/app", port="8080", body_mb="30")
    assert "/app" in (await boss.get("/routes")).text
    assert (
        "/routes?done=route_deleted"
        == (await boss.submit(f"{route}/delete", name="shop.example.com")).headers["location"]
    )


async def test_what_services_share_is_kept_and_its_secrets_are_not_shown(boss, project):
    environment = (await boss.submit("/environments", name="production", kind="production")).headers["location"]
    environment = environment.split("?")[0]
    await boss.submit(f"{environment}/variables", key="TOKEN", value="s3cret", is_secret="yes")
    await boss.submit(f"{environment}/variables", key="TIER", value="gold")
    shown = (await boss.get(environment)).text
    assert "gold" in shown and "TOKEN" in shown and "s3cret" not in shown
    service = await _service(boss, project, environment_id=environment.rpartition("/")[2])
    assert "gold" in (await boss.get(f"{service}/environment")).text
    assert 409 == (await boss.submit(f"{environment}/delete", name="production")).status_code

    await boss.submit("/registries", name="acme", type="ghcr", server="ghcr.io", username="bot", password="s3cret")
    registry = next(a["href"] for a in Page(await boss.get("/registries")).all("a") if a.text == "acme")
    await boss.submit(registry, name="acme", server="ghcr.io", username="bot-2", password="")
    form = await boss.get(registry)
    assert "bot-2" in form.text and "s3cret" not in form.text
    await boss.submit(f"{registry}/delete", name="acme")
    assert "There are no registries" in (await boss.get("/registries")).text


async def test_a_source_keeps_its_credential_to_itself(root, boss, project):
    service = await _service(boss, project)
    refused = await boss.submit(f"{service}/source", repository="ftp://nowhere", credential="s3cret")
    assert (422, False) == (refused.status_code, "s3cret" in refused.text)
    address = "https://git.invalid/acme/web"
    await boss.submit(f"{service}/source", repository=address, credential="s3cret", build_args="LEVEL=2")
    assert (await root.get(f"/api{service}/source")).json()["has_credential"]
    # What is not entered anew stays.
    await boss.submit(f"{service}/source", repository=address, branch="next")
    source = (await root.get(f"/api{service}/source")).json()
    assert ("next", True, {}) == (source["branch"], source["has_credential"], source["build_args"])
    build = (await boss.submit(f"{service}/builds", ref="v1", deploy="yes")).headers["location"]
    assert "v1" in (await boss.get(build)).text
    assert "s3cret" not in (await boss.get(f"{service}/builds")).text
    await boss.submit(f"{build}/cancel")
    await boss.submit(f"{service}/source/delete")
    assert 409 == (await root.get(f"/api{service}/source")).status_code


async def test_in_a_lockdown_administrators_alone_come_in(root, boss, project):
    await boss.submit("/proxy/lockdown", reason="an incident")
    assert "an incident" in (await boss.get("/projects")).text
    await boss.submit("/proxy/lockdown/lift")
    assert "an incident" not in (await boss.get("/projects")).text


async def test_a_domain_says_what_belongs_into_dns(boss):
    domain = (await boss.submit("/domains", name="shop.example.com")).headers["location"]
    assert "_monoize-verify.shop.example.com" in (await boss.get(domain)).text
    assert 422 == (await boss.submit("/domains", name="not a domain")).status_code
    assert 409 == (await boss.submit(f"{domain}/activate")).status_code
    await boss.submit(f"{domain}/delete", name="shop.example.com")
    assert "There are no domains to prove" in (await boss.get("/domains")).text
    # No authority is set up here.
    assert 409 == (await boss.submit("/certificates", domain="shop.example.com")).status_code
    wrong = await boss.submit("/certificates/upload", domain="shop.example.com", cert_pem="x", key_pem="s3cret")
    assert (422, False) == (wrong.status_code, "s3cret" in wrong.text)


@pytest.mark.parametrize(
    ("written", "port"),
    [
        ("8080", Port(8080)),
        ("9000:80", Port(80, 9000)),
        ("53:5353/udp", Port(5353, 53, "udp")),
        ("0.0.0.0:80:8080", Port(8080, 80, bind="0.0.0.0")),
        (":::80:8080", Port(8080, 80, bind="::")),
    ],
)
def test_a_port_is_read_as_it_is_written(written, port):
    assert written == config_form.port_text(port)
    (read,) = config_form.entered(Form({"ports": written}))["ports"]
    assert port == Port(**read)


def test_what_cannot_be_read_is_refused_at_its_field():
    for name, wrong in (("ports", "80:"), ("ports", "x"), ("volumes", "data"), ("env", "NAME"), ("cpus", "many")):
        with pytest.raises(Invalid) as refused:
            config_form.entered(Form({name: wrong}))
        assert [name] == list(refused.value.details["wrong"])
    volume = Volume("data", "/data", read_only=True)
    (read,) = config_form.entered(Form({"volumes": config_form.volume_text(volume)}))["volumes"]
    assert volume == Volume(**read)


async def test_orphans_are_not_known_while_the_engine_does_not_answer(boss):
    shown = await boss.get("/orphans")

    assert 200 == shown.status_code and "The engine does not say what runs" in shown.text


async def test_links_are_added_by_name_listed_page_by_page_and_removed(root, boss, project):
    web = await _service(boss, project)
    for name in ("db", "queue"):
        await _service(boss, project, name=name)
    assert "It is told of no other service" in (await boss.get(f"{web}/links")).text

    for name in ("nobody", "web", ""):
        refused = await boss.submit(f"{web}/links", target=name)
        assert (422, True) == (refused.status_code, "Add a link" in refused.text), name
    for name in ("db", "queue"):
        added = await boss.submit(f"{web}/links", target=name)
        assert f"{web}/links?done=links_saved" == added.headers["location"]
    shown = Page(await boss.get(f"{web}/links"))
    assert {"DB_HOST", "QUEUE_PORT"} <= {code.text for code in shown.all("code")}
    first = Page(await boss.get(f"{web}/links?limit=1"))
    assert "db" in Page(await boss.get(first.one("a", rel="next")["href"])).one("table").text

    remove = next(form["action"] for form in shown.all("form") if form["action"].endswith("/remove"))
    assert 303 == (await boss.submit(remove)).status_code
    assert ["db"] == [each["name"] for each in (await root.get(f"/api{web}/links")).json()]


async def test_a_command_that_cannot_be_run_is_refused_on_its_form(alice, boss, project):
    service = await _service(boss, project)

    for entered in ({"command": ""}, {"command": "sh -c 'x"}, {"command": "ls", "timeout_s": "61"}):
        refused = await boss.submit(f"{service}/exec", **entered)
        assert (422, True) == (refused.status_code, "-error" in refused.text), entered
    away = await boss.submit(f"{service}/exec", command="ls -l", timeout_s="5")
    assert (True, "ls -l") == (away.status_code >= 400, Page(away).one("input", id="command")["value"])
    assert 403 == (await alice.submit(f"{service}/exec", command="ls")).status_code
