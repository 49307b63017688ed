"""The verbs of `monoize ledger`."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from cli.command_line import CommandLine
from support.server import forked_server

Fresh = Callable[[], str]


def test_money_comes_in_is_corrected_and_is_given_back(root: CommandLine, fresh: Fresh):
    user, reference = fresh(), fresh()
    root.does("users", "create", user)

    paid = root.json("ledger", "top-up", user, "25", "--reference", reference, "--note", "hello")
    assert paid == root.json("ledger", "top-up", user, "25", "--reference", reference, "--note", "hello")
    said = root.does("ledger", "adjust", user, "--by", "-0.000000001", "--reason", "rounding").err
    assert "Booked -0.000000001 USD; the balance was 24.999999999 USD afterwards." in said
    refunded = root.json("ledger", "refund", paid["id"], "--usd", "5", "--reason", "too much")
    assert ("-5000000000", paid["id"]) == (refunded["delta_nano_usd"], refunded["request_id"])

    lines = root.does("ledger", "statement", "--user", user).out.splitlines()
    assert "CREATED AT" in lines[0] and "BALANCE AFTER USD" in lines[0]
    assert ["refund", "admin_adjustment", "top_up"] == [line.split()[1] for line in lines[1:]]
    assert ["-5.00", "-0.000000001", "25.00"] == [line.split()[2] for line in lines[1:]]
    assert "19999999999" == root.json("users", "show", user)["balance_nano_usd"]


def test_statements_are_filtered(root: CommandLine, fresh: Fresh):
    user = fresh()
    root.does("users", "create", user)
    root.does("ledger", "top-up", user, "1")
    root.does("ledger", "adjust", user, "--by", "1", "--reason", "more")

    chosen = ("--user", user, "--kind", "top_up", "--since", "2020-01-01", "--until", "2199-01-01")
    assert ["top_up"] == [entry["kind"] for entry in root.json("ledger", "statement", *chosen)["items"]]
    assert [] == root.json("ledger", "statement", "--user", user, "--until", "2020-01-01")["items"]
    assert "USER ID" in root.does("ledger", "statement", "--everybody").out
    assert 2 == root.run("ledger", "statement", "--everybody", "--user", user).code


def test_a_statement_of_an_agent_is_printed_as_a_table_for_spreadsheets(root: CommandLine, fresh: Fresh):
    user, record = fresh(), fresh()
    root.does("users", "create", user)
    root.does("ledger", "top-up", user, "1")
    root.does("agent-records", "create", record, "--role", "standard", "--draft")

    titles, entry = root.does("ledger", "statement", "--user", user, "--csv").out.splitlines()
    assert ("delta_usd" in titles, "top_up" in entry) == (True, True)
    of_record = ("ledger", "statement", "--user", user, "--record", record)
    assert [titles] == root.does(*of_record, "--csv").out.splitlines()
    assert [] == root.json(*of_record)["items"]
    assert 2 == root.run("ledger", "statement", "--csv", "--json").code
    assert 1 == root.run("ledger", "statement", "--agent", "nobody").code


def test_a_policy_for_what_is_not_covered_is_set_and_shown(root: CommandLine, fresh: Fresh):
    user = fresh()
    root.does("users", "create", user)

    said = root.does("ledger", "policy", user, "overdraft", "--up-to", "20").out
    assert ("overdraft usd" in said, "20.00" in said) == (True, True)
    assert "20000000000" == root.json("users", "show", user)["overdraft_nano_usd"]
    assert "clamp" == root.json("ledger", "policy", user, "clamp")["hold_policy"]
    assert [2, 2] == [
        root.run("ledger", "policy", user, *wrong).code for wrong in (["overdraft"], ["clamp", "--up-to", "1"])
    ]


def test_days_are_summed_up(root: CommandLine, fresh: Fresh):
    user = fresh()
    root.does("users", "create", user)
    for _ in range(2):
        root.does("ledger", "top-up", user, "1.5")

    (day,) = root.json("ledger", "days", "--user", user)["items"]
    assert ("top_up", 2, "3000000000") == (day["kind"], day["entries"], day["total_nano_usd"])
    assert "3.00" in root.does("ledger", "days", "--user", user).out
    long_ago = ("--since", "2020-01-01", "--until", "2020-02-01")
    assert [] == root.json("ledger", "days", "--user", user, *long_ago)["items"]


def test_a_key_gets_a_purse_and_is_settled_when_it_is_deleted(root: CommandLine, fresh: Fresh):
    user, key = fresh(), fresh()
    root.does("users", "create", user)
    root.does("keys", "create", key, "--user", user)
    root.does("ledger", "top-up", user, "10")
    of = ("--user", user)

    assert "is on; no money moved" in root.does("ledger", "sub-account", key, "--on", *of).err
    root.does("ledger", "transfer", key, "4", *of)
    moved = root.json("ledger", "set-sub-account", key, "3", "--reason", "smaller", *of)
    assert "3000000000" == moved["sub_account"]["balance_nano_usd"]
    assert "3.00" in root.does("ledger", "sub-account", key, *of).out
    short = root.run("ledger", "transfer", key, "400", *of)
    assert (1, True) == (short.code, "hint: Top the balance up" in short.err)
    assert 5 == len(root.json("ledger", "statement", "--user", user)["items"])

    root.does("keys", "delete", key, "--yes", *of)
    assert "10000000000" == root.json("users", "show", user)["balance_nano_usd"]


def test_a_sub_account_is_turned_off(root: CommandLine, fresh: Fresh):
    key = fresh()
    root.does("keys", "create", key)
    root.does("ledger", "sub-account", key, "--on")

    assert "is off" in root.does("ledger", "sub-account", key, "--off").err
    assert root.json("ledger", "sub-account", key)["enabled"] is False


def test_the_limit_of_a_balance_is_lifted_and_set_again(root: CommandLine, fresh: Fresh):
    user = fresh()
    root.does("users", "create", user)

    assert root.json("ledger", "unlimited", user, "--on")["unlimited"] is True
    assert root.json("ledger", "unlimited", user, "--off")["unlimited"] is False
    assert 2 == root.run("ledger", "unlimited", user).code


@pytest.mark.parametrize("amount", ["-1", "1e3", "0.0000000001", "five", "+1", "1,5"])
def test_an_amount_that_is_not_exact_is_refused_before_anything_is_sent(root: CommandLine, amount: str):
    refused = root.run("ledger", "top-up", "root", "--", amount)

    assert 2 == refused.code
    assert "is not an amount" in refused.err


def test_a_right_ledger_is_verified_and_an_edited_balance_is_found(operator: CommandLine, tmp_path: Path):
    operator.does("init", "--email", "root@example.com", "--password-stdin", stdin="correct horse battery")
    secret = "a token for verifying".replace(" ", "-")
    with forked_server(tmp_path, MONOIZE_ADMIN_TOKEN=secret) as server:
        as_admin = {"MONOIZE_URL": server.address, "MONOIZE_TOKEN": secret}
        operator.does("ledger", "top-up", "root", "5", **as_admin)
        assert "The ledger is right: 1 entries checked." in operator.does("ledger", "verify", **as_admin).err

        database = sqlite3.connect(tmp_path / "data" / "monoize.db")
        database.execute("UPDATE users SET balance_nano_usd = '99'")
        database.commit()
        database.close()
        found = operator.run("ledger", "verify", **as_admin)

    assert 1 == found.code
    assert "its balance is 99 nano-USD, but its rows come to 5000000000" in found.err
