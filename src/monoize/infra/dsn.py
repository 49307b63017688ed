"""Database addresses: what a person writes, and what SQLAlchemy is given for it.

`sqlite://./data/x.db` and `sqlite:///abs/x.db` both name files (the path is all that follows `sqlite://`),
`sqlite://:memory:` keeps everything in memory. PostgreSQL and MySQL addresses are ordinary URLs; `sslmode` is
understood as the rest of the world writes it. SQLAlchemy is loaded when its own address is wanted: a process
without a database need not.
"""

import dataclasses
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from monoize.base.errors import StartupProblem

if TYPE_CHECKING:
    from sqlalchemy import URL

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
    shown: str
    file: Path | None = None
    server_url: "URL | None" = None

    @property
    def in_memory(self) -> bool:
        return self.engine == "sqlite" and self.file is None

    @property
    def url(self) -> "URL":
        if self.server_url is not None:
            return self.server_url
        from sqlalchemy import URL

        return URL.create("sqlite+aiosqlite", database=str(self.file) if self.file else ":memory:")

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
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

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
    return Dsn(engine, redacted(text), server_url=url)


def _sqlite(rest: str) -> Dsn:
    path, _, parameters = rest.removeprefix("//").removeprefix("file:").partition("?")
    if path in ("", ":memory:", "/:memory:") or "mode=memory" in parameters.split("&"):
        return Dsn("sqlite", "sqlite://:memory:")
    return Dsn("sqlite", f"sqlite://{path}", Path(path))


def redacted(text: str) -> str:
    """The address without its password, safe to print even where it was not escaped or the address is misspelt."""
    shown = re.sub(r"(?i)(password|passwd)=[^&]*", r"\1=***", " ".join(text.split()))
    credentials, at, rest = shown.rpartition("@")
    user = re.match(r"[\w+.-]+://[^:]*", credentials)
    if not at or (user and user[0] == credentials):
        return shown
    return f"{user[0] if user else ''}:***@{rest}"
