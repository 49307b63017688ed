"""What the control plane counts about itself, in the text format of Prometheus."""

from collections.abc import Iterator, Mapping, Sequence

from monoize.base.exposition import head, line, single
from monoize.infra.background import Background
from monoize.infra.db import PoolUse
from monoize.infra.holds import Snapshot
from monoize.infra.spool import Figures


def money_lines(spool: Figures, holds: Snapshot) -> Iterator[str]:
    for name, help, value in (
        ("requests_in_flight", "Requests that were sent and have not ended.", spool.in_flight),
        ("charges_waiting", "Charges on disk that are not in the ledger yet.", spool.finished),
        ("charges_oldest_age_seconds", "How long the oldest of them has waited.", f"{spool.oldest_age_s:.3f}"),
        ("charges_set_aside", "Charges that can never be booked as they are.", spool.set_aside),
        ("holds", "Requests that hold money.", holds.hold_count),
        ("holds_unposted", "Requests that were charged and are not in the ledger yet.", holds.unposted_count),
        ("budgets_open", "Budgets that requests are counted against.", holds.budget_count),
    ):
        yield from single(name, "gauge", help, value)


def pool_lines(pools: Mapping[str, PoolUse]) -> Iterator[str]:
    yield head("database_connections_taken", "gauge", "Connections to the database that are in use.")
    for name, use in pools.items():
        yield line("database_connections_taken", [("pool", name)], use.taken)
    yield head("database_connections_most", "gauge", "How many there may be.")
    for name, use in pools.items():
        yield line("database_connections_most", [("pool", name)], use.most)


def provider_lines(unanswered: Mapping[str, int]) -> Iterator[str]:
    yield head("provider_unanswered", "gauge", "How many times in a row a provider has not listed its machines.")
    for provider, times in sorted(unanswered.items()):
        yield line("provider_unanswered", [("provider", provider)], times)


def task_lines(backgrounds: Sequence[Background]) -> Iterator[str]:
    runs = {name: each for background in backgrounds for name, each in background.runs.items()}
    yield head("task_succeeded_seconds", "gauge", "When a periodic task last did its work, since 1970.")
    for name, each in sorted(runs.items()):
        yield line("task_succeeded_seconds", [("task", name)], f"{each.succeeded_at_s:.3f}")
    yield head("task_failures_total", "counter", "Runs of a periodic task that failed.")
    for name, each in sorted(runs.items()):
        yield line("task_failures_total", [("task", name)], each.failures)
