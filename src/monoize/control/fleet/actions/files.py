"""What operators do with the files of the fleet, and what one host is told of them."""

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from monoize.base.ids import new_id
from monoize.control.edge.wire import Page, Window
from monoize.control.fleet.drivers.courier_script import courier_script
from monoize.control.fleet.errors import FileChanged, FileExists, TooManyFiles
from monoize.control.fleet.model.files import (
    FILES_MOST,
    FileFacts,
    FileKind,
    FleetFile,
    ServedFile,
    check_config,
    etag_of,
    file_name,
    served,
    sha256_of,
)
from monoize.control.fleet.model.hosts import Host
from monoize.control.fleet.model.pools import DEFAULT_POOL_ID, Pool, PoolMode
from monoize.control.fleet.model.tools import ToolName
from monoize.control.fleet.model.versions import Published, wanted_version
from monoize.control.fleet.store import files, pools
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx


@dataclasses.dataclass(frozen=True, slots=True)
class FileFilter:
    pool: str | None = None
    kind: FileKind | None = None
    name: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class HostFacts:
    """What a courier must know of its host to serve it."""

    fqdn: str
    secure: bool
    vip: bool
    silent: bool
    client_version: str | None
    model_override: str | None
    reasoning_effort_override: str | None


@dataclasses.dataclass(frozen=True, slots=True)
class CourierFacts:
    version: str
    sha256: str


@dataclasses.dataclass(frozen=True, slots=True)
class Manifest:
    """All that a host gets beside its login, the courier that brings it included."""

    tool: ToolName
    mode: PoolMode
    host: HostFacts
    courier: CourierFacts
    files: Sequence[ServedFile]


async def list_files(tx: Tx, window: Window, wanted: FileFilter) -> Page[FileFacts]:
    pool_id = None if wanted.pool is None else (await pools.find(tx, wanted.pool)).id
    found = await files.page(tx, window, pool_id=pool_id, kind=wanted.kind, name=wanted.name)
    return window.page(found, lambda file: file.id)


async def get_file(tx: Tx, file_id: str) -> FleetFile:
    return await files.get(tx, file_id)


async def create_file(
    change: Change, kind: FileKind, name: str | None, pool_named: str | None, values: Mapping[str, Any]
) -> FleetFile:
    tx, name = change.tx, file_name(kind, name)
    # One lock for all files: rows without a pool may repeat their name as far as the database cares.
    await pools.get(tx, DEFAULT_POOL_ID, lock=True)
    pool = None if pool_named is None else await pools.find(tx, pool_named)
    if kind == "config":
        check_config(pool.tool if pool else None, values["body"])
    pool_id = pool.id if pool else None
    if await files.exists(tx, pool_id, kind, name):
        raise FileExists
    if await files.count(tx, pool_id) >= FILES_MOST:
        raise TooManyFiles
    columns = {**values, "sha256": sha256_of(values["body"])}
    deleted = await files.id_of_deleted(tx, pool_id, kind, name)
    if deleted is None:
        columns |= {"pool_id": pool_id, "kind": kind, "name": name}
        file = await files.add(tx, id=new_id(), values=columns)
    else:
        file = await files.change(tx, deleted, columns)
    _record(change, "file.create", file)
    return file


async def update_file(
    change: Change, file_id: str, values: Mapping[str, Any], *, revision: int | None
) -> FleetFile:
    """With a `revision` only if nobody changed it since."""
    file = await files.get(change.tx, file_id, lock=True)
    if revision is not None and revision != file.revision:
        raise FileChanged(revision=file.revision)
    columns = dict(values)
    if "body" in columns:
        if file.kind == "config" and file.pool_id is not None:
            check_config((await pools.get(change.tx, file.pool_id)).tool, columns["body"])
        columns["sha256"] = sha256_of(columns["body"])
    changed = await files.change(change.tx, file_id, columns)
    _record(change, "file.update", changed)
    return changed


async def delete_file(change: Change, file_id: str, now: dt.datetime) -> None:
    file = await files.get(change.tx, file_id, lock=True)
    await files.remove(change.tx, file_id, now)
    _record(change, "file.delete", file)


def _record(change: Change, action: str, file: FleetFile) -> None:
    change.record(
        action,
        "file",
        file.id,
        pool_id=file.pool_id,
        kind=file.kind,
        name=file.name,
        sha256=file.sha256,
        revision=file.revision,
    )


async def manifest(
    tx: Tx, host: Host, pool: Pool, published: Published, known: str | None
) -> tuple[str, Manifest | None]:
    """With its ETag; nothing but that when `known` is what the host has already."""
    script = courier_script()
    courier = CourierFacts(script.version, script.sha256)
    facts = _facts(host, pool, published)
    told = {"tool": pool.tool, "mode": pool.mode, **dataclasses.asdict(facts), **dataclasses.asdict(courier)}
    etag = etag_of(await files.revisions(tx, pool.id), told)
    if etag == known:
        return etag, None
    return etag, Manifest(pool.tool, pool.mode, facts, courier, served(await files.of_pool(tx, pool.id), pool.tool))


def _facts(host: Host, pool: Pool, published: Published) -> HostFacts:
    wanted = wanted_version(published, pool, host)
    return HostFacts(
        fqdn=host.fqdn,
        secure=host.secure,
        vip=host.vip,
        silent=pool.silent,
        client_version=wanted.version if wanted.source == "locked" else None,
        model_override=host.model_override,
        reasoning_effort_override=host.reasoning_effort_override,
    )
