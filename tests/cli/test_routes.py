"""`monoize routes`, `domains`, `certificates` and `nginx` in front of a real server that has no nginx."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from cli.command_line import CommandLine
from click.testing import CliRunner
from support.tls import Pair, issue

from monoize.cli.app import monoize

Fresh = Callable[[], str]


@pytest.fixture
def service(root: CommandLine, fresh: Fresh) -> str:
    name = fresh().replace("_", "-")
    root.does("projects", "create", name)
    root.does("services", "create", f"{name}/web", "--image", "app:1", "--port", "80", "--no-start")
    return f"{name}/web"


@pytest.fixture
def domain(fresh: Fresh) -> str:
    return f"{fresh().replace('_', '-')}.example.com"


def files_of(folder: Path, pair: Pair) -> tuple[str, str]:
    chain, key = folder / "chain.pem", folder / "key.pem"
    chain.write_text(pair.chain)
    key.write_text(pair.key)
    return str(chain), str(key)


def test_a_route_comes_and_goes(root: CommandLine, service: str, domain: str):
    done = root.does("routes", "create", domain, "--service", service, "--tls", "--header", "X-A: b: c")
    assert "MONOIZE_NGINX" in done.err
    [route] = root.json("routes", "list", "--service", service)["items"]
    assert ({"X-A": "b: c"}, 80, "not_served") == (route["options"]["headers"], route["port"], route["state"])
    number = str(route["id"])

    assert domain in root.does("routes", "config", number).out
    assert 5 == root.json("routes", "update", number, "--timeout", "5")["options"]["timeout_s"]
    assert root.json("routes", "update", number, "--usual-timeout")["options"]["timeout_s"] is None
    assert domain in root.does("routes", "list", "--domain", domain).out
    root.does("routes", "delete", number, "--yes")
    assert [] == root.json("routes", "list", "--domain", domain)["items"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("create", "a.example.com"),
        ("create", "a.example.com", "--gateway", "--service", "web"),
        ("create", "a.example.com", "--gateway", "--header", "nonsense"),
        ("update", "1"),
        ("list", "--service", "a", "--domain", "b"),
    ],
)
def test_what_makes_no_sense_is_said_before_anything_is_asked(arguments: tuple[str, ...]):
    nowhere = {"MONOIZE_URL": "http://127.0.0.1:9", "MONOIZE_TOKEN": "none"}
    assert 2 == CliRunner().invoke(monoize, ["routes", *arguments], env=nowhere).exit_code


def test_what_cannot_be_written_is_refused_with_a_reason(root: CommandLine, service: str):
    refused = root.run("routes", "create", "a.example.com; }", "--service", service)

    assert (1, True) == (refused.code, "must be a domain" in refused.err)


def test_a_domain_is_made_known_and_forgotten(root: CommandLine, domain: str):
    added = root.does("domains", "add", domain)
    assert f"_monoize-verify.{domain}" in re.sub(r"\s+", " ", added.out)
    assert domain in root.does("domains", "list", "--status", "pending").out
    refused = root.run("domains", "activate", domain)
    assert (1, True) == (refused.code, "domains verify" in refused.err)
    assert "Cloudflare" in root.run("domains", "configure", domain).err
    root.does("domains", "delete", domain, "--yes")
    assert 1 == root.run("domains", "show", domain).code


def test_a_certificate_is_brought_along_replaced_and_deleted(root: CommandLine, domain: str, tmp_path: Path):
    root.does("certificates", "upload", domain, *files_of(tmp_path, issue(domain)))
    newer = issue(domain, days=300)
    root.does("certificates", "upload", domain, *files_of(tmp_path, newer), "--replace")
    shown = root.does("certificates", "show", domain, "--json").out
    assert newer.fingerprint in shown and "PRIVATE" not in shown

    (tmp_path / "key.pem").write_text(issue(domain).key)
    refused = root.run("certificates", "upload", domain, str(tmp_path / "chain.pem"), str(tmp_path / "key.pem"))
    assert (1, True) == (refused.code, "not the key" in refused.err)
    assert "MONOIZE_NGINX" in root.run("certificates", "order", f"www.{domain}").err
    root.does("certificates", "delete", domain, "--yes")


def test_without_an_nginx_its_state_is_told_all_the_same(root: CommandLine):
    assert (False, None) == tuple(root.json("nginx", "status")[name] for name in ("set_up", "generation"))
    assert 1 == root.run("nginx", "reload").code
    root.does("nginx", "config")
