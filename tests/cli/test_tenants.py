"""The verbs of `monoize tenants`."""

from collections.abc import Callable

from cli.command_line import CommandLine

Fresh = Callable[[], str]


def test_a_tenant_is_made_suspended_and_activated(root: CommandLine, stranger: CommandLine, fresh: Fresh):
    tenant = f"Team {fresh()}"
    made = root.does("tenants", "create", tenant)
    assert f"--tenant '{tenant}'" in made.err

    secret = root.does("tokens", "create", fresh(), "--tenant", tenant).out.strip()
    suspended = root.does("tenants", "suspend", tenant)
    assert f"monoize tenants activate '{tenant}'" in suspended.err
    assert "has been suspended" in stranger.run("whoami", MONOIZE_TOKEN=secret).err

    tenant_id = next(item["id"] for item in root.json("tenants", "list")["items"] if item["name"] == tenant)
    assert "active" == root.json("tenants", "activate", tenant_id)["status"]
    stranger.does("whoami", MONOIZE_TOKEN=secret)


def test_an_unknown_tenant_is_named(root: CommandLine):
    refused = root.run("tenants", "suspend", "nowhere")

    assert 1 == refused.code
    assert "monoize: there is no tenant nowhere" in refused.err


def test_the_list_shows_the_first_tenant(root: CommandLine):
    assert "default" in root.does("tenants", "list").out
