"""`monoize prices`: what providers charge us; looked at, set, corrected, imported and examined.

A list is read here, from a file or an address, and sent in parts: the server never fetches what a caller names, and
whoever runs the command fetches with their own rights. The text of its numbers is passed on untouched.
"""

import ipaddress
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, get_args
from urllib.parse import urlsplit

import click

from monoize.base.cost.price import Book, Kind
from monoize.cli import show
from monoize.cli.api import Json
from monoize.cli.failure import Exit, Failure
from monoize.cli.invocation import Invocation
from monoize.cli.values import TIME, limit_option
from monoize.cli.verb import RemoteNoun

COLUMNS: Final = (
    "provider",
    "model_key",
    "kind",
    "book",
    "input_usd_per_mtok",
    "output_usd_per_mtok",
    "effective_from",
    "effective_to",
    "id",
)
PENDING_COLUMNS: Final = ("id", "provider", "model_key", "kind", "book", "changes", "proposed_by", "created_at")
FINDING_COLUMNS: Final = ("problem", "provider", "model_key", "detail")

LIST_MOST_BYTES: Final = 33_554_432
PART_MOST_BYTES: Final = 400_000
FETCH_MOST_S: Final = 120
SILENCE_S: Final = 30
_FORMATS: Final = {"models-dev": "models_dev", "litellm": "litellm"}
_COUNTS: Final = ("added", "changed", "unchanged", "waiting", "kept", "unpriced")
_TIMES: Final = frozenset({"effective_from", "effective_to"})

_RATES: Final = (
    click.option("--input", "input_usd_per_mtok", metavar="USD", help="For a million tokens of input."),
    click.option("--output", "output_usd_per_mtok", metavar="USD", help="For a million tokens of output."),
    click.option("--cache-write", "cache_write_5m_usd_per_mtok", metavar="USD", help="Kept for five minutes."),
    click.option("--cache-write-1h", "cache_write_1h_usd_per_mtok", metavar="USD", help="Kept for an hour."),
    click.option("--cache-read", "cache_read_usd_per_mtok", metavar="USD", help="For a million tokens."),
    click.option("--web-search", "web_search_usd_per_1k", metavar="USD", help="For a thousand searches."),
    click.option("--neurons", "neuron_usd_per_1k", metavar="USD", help="For a thousand neurons."),
    click.option("--input-neurons", "input_neurons_per_mtok", metavar="N", help="In a million tokens of input."),
    click.option("--output-neurons", "output_neurons_per_mtok", metavar="N", help="In a million of output."),
    click.option("--unit", "unit_usd", metavar="USD", help="For one image, second or character."),
    click.option("--threshold", "threshold_tokens", type=click.IntRange(min=0), help="Where long begins."),
    click.option("--geo-multiplier", metavar="FACTOR", help="For requests bound to the US, such as 1.1."),
    click.option("--source", "source_url", metavar="URL", required=True, help="Where the price is printed."),
    click.option("--checked-at", type=TIME, help="When somebody looked; now when not given."),
    click.option("--note"),
)

kind_option = click.option("--kind", type=click.Choice(get_args(Kind)))
book_option = click.option("--book", type=click.Choice(get_args(Book)))


def rate_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_RATES):
        command = option(command)
    return command


@click.group(cls=RemoteNoun)
def prices() -> None:
    """The price book. Token rates are USD for a million tokens, exactly."""


@prices.command("list")
@click.option("--provider")
@click.option("--model", "model_key")
@kind_option
@book_option
@click.option("--at", type=TIME, help="The prices of that moment; of now when not given.")
@limit_option
@click.pass_obj
def list_prices(invocation: Invocation, /, limit: int, **filters: str | None) -> None:
    """Show the prices that hold."""
    _listing(invocation, invocation.api.listing("/api/prices", filters, limit=limit), COLUMNS)


@prices.command("history")
@click.argument("provider")
@click.argument("model")
@limit_option
@click.pass_obj
def history(invocation: Invocation, provider: str, model: str, limit: int) -> None:
    """Show all prices of a model that there were, are and will be."""
    wanted = {"provider": provider, "model_key": model}
    page = invocation.api.listing("/api/prices/history", wanted, limit=limit)
    _listing(invocation, page, (*COLUMNS[2:], "revision", "origin", "checked_at"))


@prices.command("set")
@click.argument("provider")
@click.argument("model")
@kind_option
@book_option
@click.option("--variant", help="Such as the quality of an image.")
@click.option("--from", "effective_from", type=TIME, help="When it begins; now when not given.")
@click.option("--until", "effective_to", type=TIME, help="When it ends; with the next price when not given.")
@rate_options
@click.pass_obj
def set_price(invocation: Invocation, /, provider: str, model: str, **given: Any) -> None:
    """Set a price from a moment on. A steep change waits for a second person."""
    body = {"provider": provider, "model_key": model, **_given(given)}
    _decided(invocation, invocation.api.create("/api/prices", body))


@prices.command("correct")
@click.argument("price_id", metavar="ID")
@rate_options
@click.pass_obj
def correct_price(invocation: Invocation, /, price_id: str, **given: Any) -> None:
    """Correct a mistake for the whole time of a price; name all of its rates."""
    _decided(invocation, invocation.api.create(f"/api/prices/{price_id}/corrections", _given(given)))


@prices.command("end")
@click.argument("price_id", metavar="ID")
@click.option("--at", type=TIME, required=True, help="The first moment at which it holds no more.")
@click.pass_obj
def end_price(invocation: Invocation, price_id: str, at: str) -> None:
    """End a price without a next one: what the model costs is then unknown."""
    ended = invocation.api.post(f"/api/prices/{price_id}/end", {"at": at})
    _thing(invocation, ended)
    show.said(f"The price of {ended['model_key']} ends at {show.time(ended['effective_to'])}.")


@prices.command("import")
@click.option("--seed", is_flag=True, help="The list that ships with the server.")
@click.option("--models-dev", metavar="FILE|URL", help="A list in the format of models.dev.")
@click.option("--litellm", metavar="FILE|URL", help="A cost map in the format of LiteLLM.")
@click.option("--source", "source_url", metavar="URL", help="Where a file comes from.")
@click.option("--provider", "providers", multiple=True, help="Only the models of this provider; repeatable.")
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@click.pass_obj
def import_prices(
    invocation: Invocation,
    seed: bool,
    models_dev: str | None,
    litellm: str | None,
    source_url: str | None,
    providers: tuple[str, ...],
    dry_run: bool,
) -> None:
    """Take over a price list. Steep changes wait for a second person, prices set by hand stay as they are."""
    given = {"models-dev": models_dev, "litellm": litellm}
    lists = {name: place for name, place in given.items() if place}
    if seed + len(lists) != 1:
        raise click.UsageError("name one list: --seed, --models-dev or --litellm")
    if seed:
        if dry_run or providers or source_url:
            raise click.UsageError("--seed takes no other option: planting it changes nothing that somebody set")
        _planted(invocation)
        return
    ((name, place),) = lists.items()
    _import(invocation, _FORMATS[name], place, source_url, providers, dry_run=dry_run)


def _planted(invocation: Invocation) -> None:
    planted = invocation.api.post("/api/prices/seed")
    show.thing(planted, as_text=invocation.as_text)
    show.said(f"Planted {planted['added']} prices; {planted['kept']} that somebody looks after stay as they are.")


def _import(
    invocation: Invocation,
    format: str,
    place: str,
    source_url: str | None,
    providers: tuple[str, ...],
    *,
    dry_run: bool,
) -> None:
    is_address = urlsplit(place).scheme in ("http", "https")
    if not is_address and source_url is None:
        raise click.UsageError("say with --source where the file comes from")
    content = _fetched(place) if is_address else _file(place)
    path = "/api/prices/imports/preview" if dry_run else "/api/prices/imports"
    body: Json = {"format": format, "source_url": source_url or place}
    if providers:
        body["providers"] = list(providers)
    report: Json = {**dict.fromkeys(_COUNTS, 0), "refused": [], "differences": []}
    for part in _parts(content):
        answer = invocation.api.post(path, {**body, "document": part})
        report = {name: report[name] + answer[name] for name in report}
    _show_report(invocation, report, dry_run=dry_run)


def _show_report(invocation: Invocation, report: Json, *, dry_run: bool) -> None:
    if invocation.json:
        show.as_json(report)
    else:
        rows = [
            [each["outcome"], each["provider"], each["model_key"], each["kind"], _changes(each["changes"])]
            for each in report["differences"]
        ]
        show.table(
            ["outcome", "provider", "model", "kind", "changes"], [[show.clean(c) for c in row] for row in rows]
        )
    for row in report["refused"]:
        show.said(f"refused: {row['provider']} {row['model_key']}: {row['reason']}")
    counts = ", ".join(f"{report[name]} {name}" for name in _COUNTS)
    show.said(f"{'It would be' if dry_run else 'Done'}: {counts}, {len(report['refused'])} refused.")
    if report["waiting"] and not dry_run:
        show.said("Steep changes wait: look at them with `monoize prices pending`.")


@prices.command("pending")
@limit_option
@click.pass_obj
def list_pending(invocation: Invocation, limit: int) -> None:
    """Show the steep changes that wait for a second person."""
    _listing(invocation, invocation.api.listing("/api/prices/pending", {}, limit=limit), PENDING_COLUMNS)


@prices.command("confirm")
@click.argument("pending_id", metavar="ID")
@click.pass_obj
def confirm(invocation: Invocation, pending_id: str) -> None:
    """Let a waiting change hold."""
    confirmed = invocation.api.post(f"/api/prices/pending/{pending_id}/confirm")
    _thing(invocation, confirmed)
    show.said(f"Confirmed the price of {confirmed['model_key']}.")


@prices.command("reject")
@click.argument("pending_id", metavar="ID")
@click.pass_obj
def reject(invocation: Invocation, pending_id: str) -> None:
    """Drop a waiting change; the price stays as it is."""
    invocation.api.delete(f"/api/prices/pending/{pending_id}")
    show.said("Rejected: the price stays as it is.")


@prices.command("audit")
@click.pass_obj
def audit(invocation: Invocation) -> None:
    """Look for what may be wrong with the prices; exit with 1 if anything is."""
    report = invocation.api.get("/api/prices/audit")
    if invocation.json:
        show.as_json(report)
    elif report["findings"]:
        rows = [[show.value(name, finding[name]) for name in FINDING_COLUMNS] for finding in report["findings"]]
        show.table([show.label(name) for name in FINDING_COLUMNS], rows)
    if report["findings"] or not report["complete"]:
        raise Failure(f"the price book has {len(report['findings'])} findings", exit=Exit.NO)
    show.said(f"Nothing is wrong with the {report['prices']} prices that hold.")


def _given(options: Mapping[str, Any]) -> Json:
    return {name: value for name, value in options.items() if value is not None}


def _decided(invocation: Invocation, outcome: Json) -> None:
    if invocation.json:
        show.as_json(outcome)
    if outcome["price"]:
        if invocation.as_text:
            _thing(invocation, outcome["price"])
        show.said(f"The price of {outcome['price']['model_key']} is set.")
    else:
        pending = outcome["pending"]
        show.said(f"This changes the price steeply ({_changes(pending['changes'])}), so it waits.")
        show.said(f"A second person confirms it with `monoize prices confirm {pending['id']}`.")


def _thing(invocation: Invocation, item: Json) -> None:
    show.thing(_readable(item) if invocation.as_text else item, as_text=invocation.as_text)


def _listing(invocation: Invocation, page: Json, columns: tuple[str, ...]) -> None:
    items = [_readable(item) for item in page["items"]] if invocation.as_text else page["items"]
    show.listing({**page, "items": items}, columns, as_text=invocation.as_text)


def _readable(item: Json) -> Json:
    shown = {name: show.time(value) if name in _TIMES and value else value for name, value in item.items()}
    return {**shown, "changes": _changes(item["changes"])} if "changes" in item else shown


def _changes(changes: list[Json]) -> str:
    return ", ".join(f"{each['rate']} {each['before'] or '?'} → {each['after'] or '?'}" for each in changes)


def _file(place: str) -> bytes:
    try:
        with Path(place).open("rb") as file:
            content = file.read(LIST_MOST_BYTES + 1)
    except OSError as problem:
        raise click.UsageError(f"cannot read {place}: {problem.strerror}") from problem
    if len(content) > LIST_MOST_BYTES:
        raise click.UsageError(f"{place} is larger than {LIST_MOST_BYTES} bytes")
    return content


def _fetched(address: str) -> bytes:
    """What stands there, bounded in size and time; no redirect is followed."""
    import httpx2

    if not _is_safe(address):
        raise click.UsageError("a price list is fetched over https: on the way somebody could change it")
    content, until = bytearray(), time.monotonic() + FETCH_MOST_S
    try:
        with httpx2.Client(timeout=SILENCE_S) as http, http.stream("GET", address) as answer:
            if not answer.is_success:
                raise Failure(f"{address} answers with HTTP {answer.status_code}", exit=Exit.CANNOT)
            for chunk in answer.iter_bytes():
                content += chunk
                if len(content) > LIST_MOST_BYTES or time.monotonic() > until:
                    raise Failure(f"the list at {address} is too large or too slow", exit=Exit.CANNOT)
    except httpx2.HTTPError as problem:
        raise Failure(f"cannot fetch {address}: {problem}", exit=Exit.CANNOT) from problem
    return bytes(content)


def _is_safe(address: str) -> bool:
    parts = urlsplit(address)
    if parts.scheme == "https" or parts.hostname == "localhost":
        return True
    try:
        return ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False


def _parts(content: bytes) -> Iterator[str]:
    """The document in parts that the server takes, each a document of its own; numbers stay as they are written."""
    import msgspec

    try:
        entries = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise Failure(f"this is no price list: {problem}", exit=Exit.NO) from problem
    part: dict[str, msgspec.Raw] = {}
    size = 0
    for name, entry in entries.items():
        if part and size + len(entry) > PART_MOST_BYTES:
            yield msgspec.json.encode(part).decode()
            part, size = {}, 0
        part[name] = entry
        size += len(name) + len(entry)
    yield msgspec.json.encode(part).decode()
