"""`monoize ledger`: what was charged and paid, what is done about it, and whether it is right."""

import datetime as dt

import click

from monoize.cli import find, show
from monoize.cli.api import Json
from monoize.cli.failure import Exit, Failure
from monoize.cli.invocation import Invocation
from monoize.cli.keys import owner_option
from monoize.cli.reconcile import reconcile
from monoize.cli.values import SIGNED_USD, TIME, USD, limit_option
from monoize.cli.verb import RemoteNoun

COLUMNS = ("created_at", "kind", "delta_nano_usd", "balance_after_nano_usd", "account", "request_id", "id")
DAY_COLUMNS = ("day", "account", "kind", "entries", "total_nano_usd")

DAY = click.DateTime(formats=["%Y-%m-%d"])
reason_option = click.option("--reason", required=True, help="Why; it is kept with the entry.")


@click.group(cls=RemoteNoun)
def ledger() -> None:
    """What was charged and paid. Amounts are USD, such as 25 or 0.5."""


ledger.add_command(reconcile)


@ledger.command("statement")
@owner_option
@click.option("--everybody", is_flag=True, help="The entries of all users.")
@click.option("--key", metavar="KEY", help="Only what has to do with this key.")
@click.option("--agent", metavar="AGENT", help="Only of requests of this agent.")
@click.option("--record", metavar="RECORD", help="Only of requests of agents that this agent record governed.")
@click.option("--kind", help="Only entries of this kind, such as `request_charge`.")
@click.option("--since", type=TIME, help="Nothing older.")
@click.option("--until", type=TIME, help="Nothing newer.")
@click.option("--csv", "as_csv", is_flag=True, help="Print all that match as CSV, whatever --limit says.")
@limit_option
@click.pass_obj
def show_statement(
    invocation: Invocation,
    /,
    user: str | None,
    everybody: bool,
    key: str | None,
    agent: str | None,
    record: str | None,
    as_csv: bool,
    limit: int,
    **filters: str | None,
) -> None:
    """Show the newest entries that match."""
    if user and everybody:
        raise click.UsageError("--user and --everybody exclude each other")
    if as_csv and invocation.json:
        raise click.UsageError("--csv and --json exclude each other")
    owner_id = find.user_id(invocation.api, user)
    params = {
        **filters,
        "user_id": owner_id,
        "everybody": everybody or None,
        "key_id": _key_id(invocation, key, user),
        "agent_id": agent and find.agent(invocation.api, agent, owner_id=owner_id)["id"],
        "agent_record_id": record and find.agent_record(invocation.api, record)["id"],
    }
    if as_csv:
        for part in invocation.api.table("/api/ledger/entries.csv", params):
            click.echo(part, nl=False)
        return
    page = invocation.api.listing("/api/ledger/entries", params, limit=limit)
    columns = ("user_id", *COLUMNS) if everybody else COLUMNS
    show.listing(page, columns, as_text=invocation.as_text)


@ledger.command("days")
@owner_option
@click.option("--key", metavar="KEY", help="Only what has to do with this key.")
@click.option("--since", type=DAY, help="The first day; 30 days before --until when not given.")
@click.option("--until", type=DAY, help="The day after the last; tomorrow when not given.")
@click.pass_obj
def show_days(
    invocation: Invocation, user: str | None, key: str | None, since: dt.datetime | None, until: dt.datetime | None
) -> None:
    """Show what each day came to, by kind."""
    params = {"since": since and since.date().isoformat(), "until": until and until.date().isoformat()}
    owner_id, key_id = find.user_id(invocation.api, user), _key_id(invocation, key, user)
    found = invocation.api.get("/api/ledger/days", {**params, "user_id": owner_id, "key_id": key_id})
    if invocation.json:
        show.as_json(found)
    else:
        show.listing({**found, "next_cursor": None}, DAY_COLUMNS, as_text=True)


@ledger.command("top-up")
@click.argument("user")
@click.argument("amount", type=USD)
@click.option("--reference", help="Names the payment; the same one is booked once.")
@click.option("--note", help="Anything worth knowing about it.")
@click.pass_obj
def top_up(invocation: Invocation, user: str, amount: str, reference: str | None, note: str | None) -> None:
    """Add money that came in to a user's balance."""
    body = {"user_id": find.user_id(invocation.api, user), "amount_nano_usd": amount}
    body |= {name: value for name, value in (("reference", reference), ("note", note)) if value is not None}
    _booked(invocation, "/api/ledger/top-ups", body)


@ledger.command("adjust")
@click.argument("user")
@click.option("--by", "delta", type=SIGNED_USD, required=True, help="How much more, or less: 5 or -5.")
@reason_option
@click.pass_obj
def adjust(invocation: Invocation, user: str, delta: str, reason: str) -> None:
    """Correct a user's balance."""
    user_id = find.user_id(invocation.api, user)
    _booked(invocation, "/api/ledger/adjustments", {"user_id": user_id, "delta_nano_usd": delta, "reason": reason})


@ledger.command("refund")
@click.argument("entry")
@click.option("--usd", "amount", type=USD, help="Only so much of it.")
@reason_option
@click.pass_obj
def refund(invocation: Invocation, entry: str, amount: str | None, reason: str) -> None:
    """Reverse a charge or a top-up, once, by the id of its ENTRY."""
    body = {"entry_id": entry, "reason": reason} | ({"amount_nano_usd": amount} if amount else {})
    _booked(invocation, "/api/ledger/refunds", body)


@ledger.command("transfer")
@click.argument("key")
@click.argument("amount", type=USD)
@owner_option
@click.pass_obj
def transfer(invocation: Invocation, key: str, amount: str, user: str | None) -> None:
    """Move money from the owner of a key to its sub-account."""
    body = {"key_id": _key_id(invocation, key, user), "amount_nano_usd": amount}
    _moved(invocation, key, invocation.api.create("/api/ledger/transfers", body))


@ledger.command("sub-account")
@click.argument("key")
@owner_option
@click.option(
    "--on/--off", "enabled", default=None, help="Give the key a purse of its own, or settle and close it."
)
@click.pass_obj
def sub_account(invocation: Invocation, key: str, user: str | None, enabled: bool | None) -> None:
    """Show the sub-account of a key, or turn it on or off."""
    path = f"/api/ledger/sub-accounts/{_key_id(invocation, key, user)}"
    if enabled is None:
        show.thing(invocation.api.get(path), as_text=invocation.as_text)
        return
    _moved(invocation, key, invocation.api.put(path, {"enabled": enabled}))


@ledger.command("set-sub-account")
@click.argument("key")
@click.argument("balance", type=USD)
@owner_option
@reason_option
@click.pass_obj
def set_sub_account(invocation: Invocation, key: str, balance: str, user: str | None, reason: str) -> None:
    """Set what is on a sub-account: more is a gift, less goes back to its owner."""
    body = {"key_id": _key_id(invocation, key, user), "balance_nano_usd": balance, "reason": reason}
    _moved(invocation, key, invocation.api.create("/api/ledger/sub-account-adjustments", body))


@ledger.command("unlimited")
@click.argument("user")
@click.option("--on/--off", "unlimited", default=None, help="Whether they may owe without end.")
@click.pass_obj
def set_unlimited(invocation: Invocation, user: str, unlimited: bool | None) -> None:
    """Let a user owe without end, or no longer."""
    if unlimited is None:
        raise click.UsageError("say --on or --off")
    path = f"/api/ledger/balances/{find.user_id(invocation.api, user)}"
    show.thing(invocation.api.put(path, {"unlimited": unlimited}), as_text=invocation.as_text)
    show.said(f"The balance of {user} is {'unlimited' if unlimited else 'limited'} now.")


@ledger.command("policy")
@click.argument("user")
@click.argument("policy", type=click.Choice(["reject", "clamp", "overdraft"]))
@click.option("--up-to", "overdraft", type=USD, help="How far below zero an overdraft goes.")
@click.pass_obj
def set_policy(invocation: Invocation, user: str, policy: str, overdraft: str | None) -> None:
    """Say what becomes of requests that a user's balance does not cover."""
    if (overdraft is not None) != (policy == "overdraft"):
        raise click.UsageError("--up-to goes with overdraft, and the other way round")
    path = f"/api/ledger/balances/{find.user_id(invocation.api, user)}"
    body = {"hold_policy": policy} | ({"overdraft_nano_usd": overdraft} if overdraft else {})
    show.thing(invocation.api.put(path, body), as_text=invocation.as_text)
    show.said(f"What {user} cannot pay for is dealt with by the policy {policy} now.")


@ledger.command("verify")
@click.pass_obj
def verify(invocation: Invocation) -> None:
    """Recompute every balance from its entries; exit with 1 if one was changed or is missing."""
    checked, problems, cursor = 0, list[str](), None
    while True:
        step = invocation.api.get("/api/ledger/verification", {"cursor": cursor})
        checked, problems, cursor = checked + step["checked"], problems + step["problems"], step["cursor"]
        if cursor is None:
            break
        show.said(f"{checked} entries checked …")
    if invocation.json:
        show.as_json({"checked": checked, "problems": problems})
    if problems:
        raise Failure(
            f"the ledger is not right: {len(problems)} found among {checked} entries",
            exit=Exit.NO,
            hint="Keep the database as it is and compare it with a backup.",
            lines=problems,
        )
    show.said(f"The ledger is right: {checked} entries checked.")


def _key_id(invocation: Invocation, key: str | None, user: str | None) -> str | None:
    if key is None:
        return None
    return str(find.key(invocation.api, key, owner_id=find.user_id(invocation.api, user))["id"])


def _booked(invocation: Invocation, path: str, body: Json) -> None:
    entry = invocation.api.create(path, body)
    show.thing(entry, as_text=invocation.as_text)
    delta, after = (show.usd(entry[field]) for field in ("delta_nano_usd", "balance_after_nano_usd"))
    show.said(f"Booked {delta} USD; the balance was {after} USD afterwards.")


def _moved(invocation: Invocation, key: str, move: Json) -> None:
    if invocation.json:
        show.as_json(move)
    else:
        show.thing(move["sub_account"], as_text=True)
    booked = ", ".join(f"{entry['kind']} {show.usd(entry['delta_nano_usd'])}" for entry in move["entries"])
    state = "on" if move["sub_account"]["enabled"] else "off"
    show.said(f"The sub-account of {key} is {state}; {booked or 'no money moved'}.")
