"""What is done with the audit log: read it. (Checking it is `AuditLog.verify`.)"""

from monoize.control.audit import store
from monoize.control.audit.model import LogEntry, LogFilter
from monoize.control.edge.wire import Page, Window
from monoize.infra.db import Tx


async def list_entries(tx: Tx, window: Window, wanted: LogFilter) -> Page[LogEntry]:
    return window.page(await store.page(tx, window, wanted), lambda entry: entry.id)
