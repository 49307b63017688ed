"""Database addresses: what a person writes, and what SQLAlchemy is given for it.

`sqlite://./data/x.db` and `sqlite:///abs/x.db` both name files (the path is all that follows `sqlite://`),
`sqlite://:memory:` keeps everything in memory. PostgreSQL and MySQL addresses are ordinary URLs; `sslmode` is
understood as the rest of the world writes it.
"""

import dataclasses
import re
from pathlib import Path
from typing import Final, Literal

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from monoize.base.errors import StartupProblem

Engine = Literal["sqlite", "postgresql", "mysql"]

_DRIVERS: Final[dict[str, tuple[Engine, str]]] = {
    "postgres": ("postgresql", "postgresql+asyncpg"),
    "postgresql": ("postgresql", "postgresql+asyncpg"),
    "mysql": ("mysql", "mysql+asyncmy"),
    "mariadb": ("mysql", "mysql+asyncmy"),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Dsn:
    engine: Engine
    url: URL
    shown: str
    file: Path | None = None

    @property
    def in_memory(self) -> bool:
        return self.engine == "sqlite" and self.file is None

    def __str__(self) -> str:
        return self.shown


def parse(text: str) -> Dsn:
    scheme, separator, rest = text.partition(":")
    if separator and scheme == "sqlite":
        return _sqlite(rest)
    if scheme not in _DRIVERS:
        raise StartupProblem(
            f"the database address {redacted(text)} is not understood; "
            "use sqlite://PATH, postgresql://user:password@host/name or mysql://user:password@host/name"
        )
    engine, driver = _DRIVERS[scheme]
    try:
        url = make_url(text).set(drivername=driver)
    except (ArgumentError, ValueError) as problem:
        raise StartupProblem(f"the database address {redacted(text)} is not a valid URL") from problem
    if not url.database:
        raise StartupProblem(f"the database address {redacted(text)} names no database")
    if "@" in f"{url.host}{url.database}":
        raise StartupProblem(f"the database address {redacted(text)} has an @ too many; in a password write %40")
    if engine == "postgresql" and "sslmode" in url.query:
        # asyncpg knows the same words under another name.
        url = url.difference_update_query(["sslmode"]).update_query_dict({"ssl": url.query["sslmode"]})
    # Not rendered from the URL, which a password that was not escaped may have been cut to pieces for.
    return Dsn(engine, url, redacted(text))


def _sqlite(rest: str) -> Dsn:
    path, _, parameters = rest.removeprefix("//").removeprefix("file:").partition("?")
    if path in ("", ":memory:", "/:memory:") or "mode=memory" in parameters.split("&"):
        return Dsn("sqlite", URL.create("sqlite+aiosqlite", database=":memory:"), "sqlite://:memory:")
    return Dsn("sqlite", URL.create("sqlite+aiosqlite", database=path), f"sqlite://{path}", Path(path))


def redacted(text: str) -> str:
    """The address without its password, safe to print even where it was not escaped or the address is misspelt."""
    shown = re.sub(r"(?i)(password|passwd)=[^&]*", r"\1=***", " ".join(text.split()))
    credentials, at, rest = shown.rpartition("@")
    user = re.match(r"[\w+.-]+://[^:]*", credentials)
    if not at or (user and user[0] == credentials):
        return shown
    return f"{user[0] if user else ''}:***@{rest}"
