"""The verbs of `monoize prices`."""

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cli.command_line import CommandLine

Fresh = Callable[[], str]
URL = "https://example.com/prices"
RATES = ("--input", "3", "--output", "15", "--source", URL)


def listed(provider: str, **models: dict[str, Any]) -> str:
    return json.dumps({provider: {"models": {name: {"cost": cost} for name, cost in models.items()}}})


@pytest.fixture
def serve_once() -> Iterator[Callable[[int, str], str]]:
    """Serves an answer on this machine and says where."""
    servers: list[http.server.HTTPServer] = []

    def serve(status: int, content: str) -> str:
        class Answer(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                self.send_header("location", "/elsewhere")
                self.end_headers()
                self.wfile.write(content.encode())

            def log_message(self, format: str, *args: Any) -> None:
                return

        server = http.server.HTTPServer(("127.0.0.1", 0), Answer)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}/api.json"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_price_is_set_listed_corrected_and_ended(root: CommandLine, fresh: Fresh):
    model = fresh()
    made = root.json(
        "prices",
        "set",
        "somebody",
        model,
        *RATES,
        "--cache-read",
        "0.30",
        "--from",
        "2026-01-01",
        "--note",
        "printed",
    )["price"]
    assert ("3", "15", "0.3", "2026-01-01T00:00:00Z") == (
        made["input_usd_per_mtok"],
        made["output_usd_per_mtok"],
        made["cache_read_usd_per_mtok"],
        made["effective_from"],
    )
    row = next(line for line in root.does("prices", "list", "--model", model).out.splitlines() if model in line)
    assert ["somebody", model, "standard", "list", "3", "15", "2026-01-01T00:00:00Z", "-"] == row.split()[:8]
    assert model not in root.does("prices", "list", "--model", model, "--at", "2025-12-31").out

    rates = ("--input", "3.5", "--output", "15", "--cache-read", "0.3", "--source", URL)
    right = root.does("prices", "correct", made["id"], *rates)
    assert "3.5" in right.out
    latest = root.json("prices", "list", "--model", model)["items"][0]
    ended = root.does("prices", "end", latest["id"], "--at", "2026-02-01")
    assert f"The price of {model} ends at 2026-02-01T00:00:00Z." in ended.err
    history = root.json("prices", "history", "somebody", model)["items"]
    assert [1, 0] == [price["revision"] for price in history]
    assert [] == root.json("prices", "list", "--model", model)["items"]


def test_a_steep_change_waits_until_it_is_confirmed_or_rejected(root: CommandLine, fresh: Fresh):
    model = fresh()
    root.does("prices", "set", "somebody", model, *RATES, "--from", "2026-01-01")
    for decide in ("reject", "confirm"):
        asked = root.does("prices", "set", "somebody", model, "--input", "30", "--output", "15", "--source", URL)
        assert "input_usd_per_mtok 3 → 30" in asked.err
        waiting = next(one for one in root.json("prices", "pending")["items"] if one["model_key"] == model)
        assert waiting["id"] in asked.err
        assert "input_usd_per_mtok 3 → 30" in root.does("prices", "pending").out
        root.does("prices", decide, waiting["id"])

    assert ["30"] == [one["input_usd_per_mtok"] for one in root.json("prices", "list", "--model", model)["items"]]
    assert 1 == root.run("prices", "confirm", waiting["id"]).code


def test_a_list_in_a_file_is_compared_first_and_then_taken_over(root: CommandLine, fresh: Fresh):
    provider = fresh()
    file = root.home / "api.json"
    file.write_text(listed(provider, a={"input": 3, "output": 15}, b={"input": 3e-6, "output": 15}, c={}))
    wanted = ("prices", "import", "--models-dev", str(file), "--source", URL, "--provider", provider)

    shown = root.does(*wanted, "--dry-run")
    assert "It would be: 1 added, 0 changed, 0 unchanged, 0 waiting, 0 kept, 1 unpriced, 1 refused." in shown.err
    assert [] == root.json("prices", "list", "--provider", provider)["items"]
    done = root.does(*wanted)
    assert f"refused: {provider} b: input_usd_per_mtok is out of range" in done.err
    assert ["a"] == [one["model_key"] for one in root.json("prices", "list", "--provider", provider)["items"]]
    assert 1 == root.json(*wanted)["unchanged"]


def test_a_large_list_is_sent_in_parts_with_every_digit(root: CommandLine, fresh: Fresh):
    provider = fresh()
    entry = {"litellm_provider": provider, "mode": "chat", "output_cost_per_token": 1e-05, "about": "x" * 3_000}
    models = {f"m{n}": {**entry, "input_cost_per_token": 1.000001e-06} for n in range(400)}
    file = root.home / "costs.json"
    file.write_text(json.dumps(models))
    assert file.stat().st_size > 1_048_576

    report = root.json("prices", "import", "--litellm", str(file), "--source", URL)
    assert 400 == report["added"]
    rates = {
        one["input_usd_per_mtok"]
        for one in root.json("prices", "list", "--provider", provider, "--limit", "500")["items"]
    }
    assert {"1.000001"} == rates


def test_a_list_at_an_address_is_fetched_here(
    root: CommandLine, fresh: Fresh, serve_once: Callable[[int, str], str]
):
    provider = fresh()
    address = serve_once(200, listed(provider, a={"input": 3, "output": 15}))
    root.does("prices", "import", "--models-dev", address)

    (made,) = root.json("prices", "list", "--provider", provider)["items"]
    assert (address, "models_dev") == (made["source_url"], made["origin"])


def test_a_list_is_not_fetched_over_plain_http_from_elsewhere_nor_by_way_of_a_redirect(
    root: CommandLine, serve_once: Callable[[int, str], str]
):
    plain = root.run("prices", "import", "--models-dev", "http://192.0.2.1/api.json")
    assert (2, True) == (plain.code, "over https" in plain.err)
    moved = root.run("prices", "import", "--models-dev", serve_once(302, ""))
    assert (3, True) == (moved.code, "HTTP 302" in moved.err)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"a": ', "[" * 100_000, "\xff"])
def test_a_file_that_is_no_price_list_is_refused(root: CommandLine, tmp_path: Path, content: str):
    file = tmp_path / "api.json"
    file.write_bytes(content.encode("latin-1"))

    assert 1 == root.run("prices", "import", "--models-dev", str(file), "--source", URL).code


def test_import_wants_exactly_one_list_and_its_source(root: CommandLine, tmp_path: Path):
    for arguments in ((), ("--seed", "--litellm", "x"), ("--models-dev", "x"), ("--seed", "--dry-run")):
        assert 2 == root.run("prices", "import", *arguments).code
    assert 2 == root.run("prices", "import", "--models-dev", str(tmp_path / "absent"), "--source", URL).code


def test_the_list_that_ships_is_planted_once(root: CommandLine):
    root.does("prices", "import", "--seed")

    again = root.json("prices", "import", "--seed")
    assert (0, True) == (again["added"], again["unchanged"] > 50)
    (sonnet,) = root.json("prices", "list", "--model", "claude-sonnet-5", "--at", "2026-08-31")["items"]
    assert ("2", "2026-09-01T00:00:00Z") == (sonnet["input_usd_per_mtok"], sonnet["effective_to"])


def test_an_audit_exits_with_1_when_it_finds_something(root: CommandLine, fresh: Fresh):
    model = fresh()
    root.does("prices", "set", "anthropic", model, *RATES, "--cache-read", "1")

    found = root.run("prices", "audit")
    assert (1, True) == (found.code, "cache_multiple_unusual" in found.out and model in found.out)
