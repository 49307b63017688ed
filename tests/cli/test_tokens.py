"""The verbs of `monoize tokens`."""

import re
from collections.abc import Callable

from cli.command_line import CommandLine

Fresh = Callable[[], str]


def test_a_token_is_made_used_listed_and_deleted(root: CommandLine, stranger: CommandLine, fresh: Fresh):
    name = fresh()
    made = root.does(
        "tokens", "create", name, "--role", "admin", "--scope", "users.read", "--expires-at", "2199-01-01"
    )
    assert re.fullmatch(r"mzt_[0-9a-f]{16}_[0-9a-f]{64}\n", made.out)
    assert made.out.strip() not in made.err

    secret = made.out.strip()
    assert "root" in stranger.does("users", "list", MONOIZE_TOKEN=secret).out
    refused = stranger.run("audit", "list", MONOIZE_TOKEN=secret)
    assert 1 == refused.code
    assert "hint: Ask for the permission audit.read." in refused.err

    row = next(line for line in root.does("tokens", "list").out.splitlines() if line.startswith(name))
    assert ["admin", "users.read", "2199-01-01T00:00:00Z"] == row.split()[1:4]

    root.does("tokens", "delete", name, "--yes")
    assert 3 == stranger.run("users", "list", MONOIZE_TOKEN=secret).code
    assert 1 == root.run("tokens", "delete", name, "--yes").code


def test_a_token_belongs_to_the_tenant_that_is_named(root: CommandLine, fresh: Fresh):
    tenant = root.json("tenants", "create", fresh())
    made = root.json("tokens", "create", fresh(), "--tenant", tenant["name"])

    assert tenant["id"] == made["token"]["tenant_id"]
    assert "viewer" == made["token"]["role"]


def test_a_token_without_keys_of_its_own_is_told_to_name_a_user(
    root: CommandLine, stranger: CommandLine, fresh: Fresh
):
    secret = root.does("tokens", "create", fresh(), "--role", "admin").out.strip()
    refused = stranger.run("keys", "list", MONOIZE_TOKEN=secret)

    assert 1 == refused.code
    assert "name a user" in refused.err
    assert "NAME" in stranger.does("keys", "list", "--user", "root", MONOIZE_TOKEN=secret).out


def test_a_name_cannot_leave_its_place_in_the_address(root: CommandLine):
    refused = root.run("tokens", "delete", "../users", "--yes")

    assert 1 == refused.code
