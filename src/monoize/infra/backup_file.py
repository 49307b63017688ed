"""The file of a backup: a compressed tar with a manifest and one copy of the database, for `infra/backups`.

What is read may come from anywhere: only the two members that belong there are taken, as regular files, within
bounds, and the copy only when it is byte by byte what the manifest says. Everything wrong is a BackupBroken.
"""

import dataclasses
import datetime as dt
import hashlib
import io
import json
import os
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final, Literal

from monoize.base.errors import StartupProblem

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
COPY: Final = "database"
_MANIFEST_BYTES_MOST: Final = 65_536
_COPY_BYTES_MOST: Final = 1 << 40
_CHUNK: Final = 1 << 20

Engine = Literal["sqlite", "postgresql", "mysql"]


class BackupBroken(StartupProblem):
    """The file is not a backup of ours, or not any more."""


@dataclasses.dataclass(frozen=True, slots=True)
class Manifest:
    """What lies in a backup. `key_mark` tells whether a master key fits it, and nothing about the key."""

    created_at: dt.datetime
    monoize: str
    engine: Engine
    schema_version: int
    key_mark: str
    bytes: int
    sha256: str


def write(target: Path, manifest: Manifest, copy: Path) -> None:
    """Appears whole or not at all, readable by its owner only; a file that is there already is never replaced."""
    told = dataclasses.asdict(manifest) | {"format": FORMAT, "created_at": manifest.created_at.isoformat()}
    text = json.dumps(told, indent=2).encode()
    draft = target.with_name(f".{target.name}.part")
    draft.unlink(missing_ok=True)
    try:
        with open(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            with tarfile.open(fileobj=file, mode="w:gz", compresslevel=6) as archive:
                member = tarfile.TarInfo(MANIFEST)
                member.size = len(text)
                archive.addfile(member, io.BytesIO(text))
                member = tarfile.TarInfo(COPY)
                member.size = manifest.bytes
                with copy.open("rb") as content:
                    archive.addfile(member, content)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, target)
    except FileExistsError:
        raise StartupProblem(f"{target} is there already, and no backup is overwritten") from None
    except OSError as problem:
        raise StartupProblem(f"cannot write the backup {target}: {problem.strerror}") from problem
    finally:
        draft.unlink(missing_ok=True)


def read_manifest(source: Path) -> Manifest:
    with _opened(source) as members:
        return _manifest(next(members, None))


def extract(source: Path, into: Path) -> Manifest:
    """Write the copy of the database to `into`, a new file, after having compared every byte of it."""
    with _opened(source) as members:
        manifest = _manifest(next(members, None))
        found = next(members, None)
        if found is None or found[0].name != COPY or not found[0].isreg() or found[0].size != manifest.bytes:
            raise BackupBroken(f"{source} does not hold the database that its manifest names")
        with open(os.open(into, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            digest = hashlib.sha256()
            while chunk := found[1].read(_CHUNK):
                digest.update(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        if digest.hexdigest() != manifest.sha256:
            raise BackupBroken(f"{source} is damaged: the database in it is not the one that was put there")
        if next(members, None) is not None:
            raise BackupBroken(f"{source} holds more than a backup does")
    return manifest


def measured(file: Path) -> tuple[int, str]:
    """(bytes, SHA-256) of a file."""
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
        return content.tell(), digest


class _opened:  # noqa: N801 - used as the context that it is
    """The members of an archive, one after the other, with whatever is wrong with them as a BackupBroken."""

    def __init__(self, source: Path) -> None:
        self._source = source

    def __enter__(self) -> Iterator[tuple[tarfile.TarInfo, IO[bytes]]]:
        try:
            self._archive = tarfile.open(self._source, mode="r|gz")
        except (tarfile.TarError, EOFError, zlib.error) as problem:
            raise BackupBroken(f"{self._source} is not a backup: {problem}") from problem
        except OSError as problem:
            raise BackupBroken(f"cannot read {self._source}: {problem.strerror or problem}") from problem
        return self._members()

    def _members(self) -> Iterator[tuple[tarfile.TarInfo, IO[bytes]]]:
        while (member := self._archive.next()) is not None:
            content = self._archive.extractfile(member) if member.isreg() else None
            if content is None:
                raise BackupBroken(f"{self._source} holds something other than files")
            yield member, content

    def __exit__(self, kind: Any, problem: Any, trace: Any) -> None:
        self._archive.close()
        if isinstance(problem, tarfile.TarError | EOFError | zlib.error):
            raise BackupBroken(f"{self._source} is damaged: {problem}") from problem


def _manifest(found: tuple[tarfile.TarInfo, IO[bytes]] | None) -> Manifest:
    if found is None or found[0].name != MANIFEST or found[0].size > _MANIFEST_BYTES_MOST:
        raise BackupBroken("this is not a backup of Monoize: it does not begin with a manifest")
    try:
        told = json.loads(found[1].read())
        if told.pop("format") != FORMAT:
            raise BackupBroken("this backup was made by another version of Monoize, which can read it")
        manifest = Manifest(**{**told, "created_at": dt.datetime.fromisoformat(told["created_at"])})
        sizes = (manifest.bytes, manifest.schema_version)
        texts = (manifest.key_mark, manifest.sha256, manifest.monoize)
        if not all(type(size) is int and 0 <= size <= _COPY_BYTES_MOST for size in sizes):
            raise ValueError("sizes")
        if manifest.engine not in ("sqlite", "postgresql", "mysql") or not all(isinstance(t, str) for t in texts):
            raise ValueError("words")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as problem:
        raise BackupBroken("the manifest of this backup cannot be read") from problem
    return manifest
