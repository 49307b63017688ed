"""The context of a build, packed: a folder of a checked-out repository as a tar archive, and nothing from outside.

Symbolic links are packed as links and never followed: a repository cannot send us for files of this machine.
Reproducible: sorted names, no owners, no times. Fails with `ContextRefused`.
"""

import asyncio
import os
import tarfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

from monoize.control.projects.model import dockerignore
from monoize.control.projects.model.dockerignore import FILE, Rules

CONTEXT_BYTES_MOST: Final = 1024**3
FILES_MOST: Final = 200_000
_IGNORE_BYTES_MOST: Final = 262_144
_CHUNK: Final = 262_144


class ContextRefused(Exception):
    """There is no such folder or Dockerfile in the repository, or it is too large."""


def pack(repository: Path, context: str, dockerfile: str, into: Path) -> None:
    """Blocking: call it in a thread."""
    root = repository / context
    _check_inside(repository, root, "the context")
    if not root.is_dir():
        raise ContextRefused(f"the repository has no folder {context}")
    if not (root / dockerfile).is_file():
        raise ContextRefused(f"there is no {dockerfile} in {context}")
    _check_inside(repository, root / dockerfile, "the Dockerfile")
    rules = _rules(root)
    size = 0
    try:
        with tarfile.open(into, "w", format=tarfile.PAX_FORMAT) as archive:
            for number, name in enumerate(_names(root, rules, {dockerfile, FILE})):
                info = archive.gettarinfo(root / name, arcname=name)
                if info is None or not (info.isfile() or info.isdir() or info.issym()):
                    continue
                size += info.size if info.isfile() else 0
                if size > CONTEXT_BYTES_MOST or number >= FILES_MOST:
                    raise ContextRefused(
                        f"the context is larger than {CONTEXT_BYTES_MOST // 1024**2} MiB or {FILES_MOST} files; "
                        f"name what is not needed in {FILE}"
                    )
                _add(archive, info, root / name)
    except OSError as problem:
        raise ContextRefused(f"the context cannot be packed: {problem.strerror}") from problem


async def chunks(file: Path) -> AsyncIterator[bytes]:
    opened = await asyncio.to_thread(file.open, "rb")
    try:
        while chunk := await asyncio.to_thread(opened.read, _CHUNK):
            yield chunk
    finally:
        opened.close()


def _add(archive: tarfile.TarFile, info: tarfile.TarInfo, path: Path) -> None:
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    info.mtime = 0
    if info.isfile():
        with path.open("rb") as content:
            archive.addfile(info, content)
    else:
        archive.addfile(info)


def _names(root: Path, rules: Rules, always: set[str]) -> Iterator[str]:
    may_return = dockerignore.takes_back_in(rules)
    for folder, folders, files in os.walk(root):
        inside = os.path.relpath(folder, root)
        prefix = "" if inside == "." else inside + "/"
        folders.sort()
        if not prefix:
            folders[:] = [name for name in folders if name != ".git"]
        for name in sorted([*folders, *files]):
            path = prefix + name
            if path in always or not dockerignore.is_left_out(path, rules):
                yield path
        keeps = any(each.startswith(prefix) for each in always)
        folders[:] = [
            name
            for name in folders
            if may_return
            or not dockerignore.is_left_out(prefix + name, rules)
            or (keeps and any(each.startswith(f"{prefix}{name}/") for each in always))
        ]


def _rules(root: Path) -> Rules:
    file = root / FILE
    if not file.is_file() or file.is_symlink():
        return ()
    if file.stat().st_size > _IGNORE_BYTES_MOST:
        raise ContextRefused(f"{FILE} is larger than {_IGNORE_BYTES_MOST} bytes")
    try:
        return dockerignore.rules(file.read_text("utf-8", "replace"))
    except ValueError as problem:
        raise ContextRefused(str(problem)) from problem


def _check_inside(repository: Path, path: Path, what: str) -> None:
    """Links on the way count: a folder of the repository may be one that points anywhere."""
    if not path.resolve().is_relative_to(repository.resolve()):
        raise ContextRefused(f"{what} lies outside of the repository")
