"""What is done with captures: they are listed, read and deleted. They lie where this process runs."""

from monoize.control.edge.wire import Page, Window
from monoize.control.ledger.drivers.capture_files import CaptureFiles
from monoize.control.ledger.errors import NoSuchCapture
from monoize.control.ledger.model.captures import KeptCapture
from monoize.control.ledger.store import request_logs
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx


async def list_captures(tx: Tx, files: CaptureFiles, window: Window) -> Page[KeptCapture]:
    found = await files.page(after=window.after, most=window.limit + 1)
    logged = await request_logs.with_request_ids(tx, [file.request_id for file in found])
    requests = {request.request_id: request for request in logged}
    kept = [
        KeptCapture(file.request_id, file.kept_at, file.size_bytes, requests.get(file.request_id)) for file in found
    ]
    return window.page(kept, lambda capture: capture.request_id)


async def read(files: CaptureFiles, request_id: str) -> bytes:
    content = await files.read(request_id)
    if content is None:
        raise NoSuchCapture
    return content


async def is_kept(files: CaptureFiles, request_id: str) -> bool:
    return await files.is_there(request_id)


async def record_deletion(change: Change, files: CaptureFiles, request_id: str) -> None:
    """The file itself goes once this is durable: what was deleted is in the audit log, whatever happens."""
    if not await files.is_there(request_id):
        raise NoSuchCapture
    change.record("capture.delete", "request", request_id)
