"""The durable hand-over of what requests cost: on disk before a response ends, posted to the database later.

One SQLite file for each process, written by one thread. Whoever comes while the disk is busy shares the next
commit, so that a thousand requests wait for one fsync. An entry is *in flight* from before its request is sent
upstream until it ends, and *finished* from then until it is posted.

Fails closed: what returns is on disk; a spool that is full refuses to begin, one that cannot write refuses
everything. A process that dies leaves both kinds behind; the next one to open the folder takes them over.
"""

import asyncio
import contextlib
import dataclasses
import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, TypeVar

import structlog

from monoize.base.errors import StartupProblem, Unavailable
from monoize.infra.batches import SIZES, in_batches, marks, values_of

log = structlog.get_logger(__name__)

FINISHED_MOST: Final = 1_000_000
IN_FLIGHT_MOST: Final = 50_000
COMMIT_MOST: Final = 5_000
# A commit costs as much for one as for many, most of all in handing the interpreter back and forth. So where there
# is a crowd, those who come a moment later are waited for; whoever is alone never waits.
CROWD: Final = 8
GATHER_S: Final = 0.002
SLOTS_MOST: Final = 256

_SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS in_flight (id TEXT PRIMARY KEY, content BLOB NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS finished (seq INTEGER PRIMARY KEY AUTOINCREMENT,"
    " at_ms INTEGER NOT NULL, id TEXT NOT NULL, content BLOB NOT NULL)",
    # What the database will never take: kept for a person to look at, out of the way of the others.
    "CREATE TABLE IF NOT EXISTS set_aside (seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, id TEXT NOT NULL,"
    " content BLOB NOT NULL, reason TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS owner (name TEXT NOT NULL)",
    "INSERT INTO owner SELECT lower(hex(randomblob(16))) WHERE NOT EXISTS (SELECT 1 FROM owner)",
)
_PRAGMAS: Final = (
    # Entries of a thousand bytes and more lie on their page and not on one more each.
    "PRAGMA page_size = 8192",
    # One owner: the lock tells a living process from a dead one, and is gone when its process is.
    "PRAGMA locking_mode = EXCLUSIVE",
    "PRAGMA journal_mode = WAL",
    # What was acknowledged survives a power cut.
    "PRAGMA synchronous = FULL",
)
_BEGIN: Final = {size: f"INSERT OR IGNORE INTO in_flight VALUES {marks(2, size)}" for size in SIZES}
_FINISH: Final = {size: f"INSERT INTO finished (at_ms, id, content) VALUES {marks(3, size)}" for size in SIZES}
_END: Final = {size: f"DELETE FROM in_flight WHERE id IN {marks(size, 1)}" for size in SIZES}

Answer = TypeVar("Answer")
Given = TypeVar("Given")
Verb = Literal["begin", "note", "finish", "abandon"]


class SpoolFull(Unavailable):
    """Too many charges wait to be posted."""

    code = "spool_full"
    hint = "Try again shortly; an operator finds in the server's log why the database does not take them."


class SpoolBroken(Unavailable):
    """What this request costs cannot be written down."""

    code = "spool_unavailable"
    hint = "An operator finds the reason in the server's log; a full disk is a common one."


class Entry(NamedTuple):
    """`seq` counts the finished entries of this file; one in flight has none."""

    id: str
    content: bytes
    seq: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Figures:
    in_flight: int
    finished: int
    oldest_age_s: float
    set_aside: int


class _Wish(NamedTuple):
    verb: Verb
    id: str
    content: bytes
    done: "asyncio.Future[None]"


class _Question(NamedTuple):
    ask: Callable[[sqlite3.Connection], Any]
    done: "asyncio.Future[Any]"


_Outcome = tuple["asyncio.Future[Any]", Any, BaseException | None]


class Spool:
    """Open it with `open_spool`. All of it belongs to one event loop."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        file: Path,
        *,
        taken_over: Sequence[str],
        in_flight_most: int,
        finished_most: int,
    ) -> None:
        self._connection = connection
        self._file = file
        self.owner = _owner(connection)
        """The name under which this file's process holds money. One that had it before is dead."""
        self.taken_over = taken_over
        """The names of dead processes whose entries are here now."""
        self._in_flight_most = in_flight_most
        self._finished_most = finished_most
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[_Wish | _Question] = deque()
        self._lock = threading.Lock()
        self._something_waits = threading.Condition(self._lock)
        self._closing = False
        self._is_broken = False
        # Written by the thread after a commit, read by the loop.
        self._in_flight, self._finished, self._set_aside = (
            connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("in_flight", "finished", "set_aside")
        )
        self._thread = threading.Thread(target=self._work, name="spool", daemon=True)
        self._thread.start()

    async def begin(self, id: str, content: bytes) -> None:
        """Before anything is sent upstream: `content` is what to charge if nobody ever says more.

        Whoever is cancelled in here calls `abandon`: the entry may be on disk already.
        """
        under_way = self._in_flight + len(self._waiting)
        if self._finished >= self._finished_most or under_way >= self._in_flight_most:
            raise SpoolFull
        await self._wish("begin", id, content)

    async def note(self, id: str, content: bytes) -> None:
        """Upstream has said more about an entry in flight."""
        await self._wish("note", id, content)

    async def finish(self, id: str, content: bytes) -> None:
        """The request ended and this is to be posted, even if whoever asks for it is cancelled meanwhile."""
        await self._wish("finish", id, content)

    async def record(self, id: str, content: bytes) -> None:
        """To be posted without ever having been in flight, for it is over already."""
        if self._finished >= self._finished_most:
            raise SpoolFull
        await self._wish("finish", id, content)

    async def abandon(self, id: str) -> None:
        """The request ended and nothing is to be posted."""
        await self._wish("abandon", id, b"")

    @property
    def has_finished(self) -> bool:
        """Whether finished entries are on disk; those on their way there are not yet counted."""
        return bool(self._finished)

    async def oldest(self, most: int, *, posted: Entry | None = None) -> Sequence[Entry]:
        """The finished entries that have waited longest, after everything up to `posted` is forgotten."""
        query = "SELECT id, CAST(content AS BLOB), seq FROM finished ORDER BY seq LIMIT ?"

        def forget_and_find(connection: sqlite3.Connection) -> Sequence[Entry]:
            if posted:
                gone = connection.execute("DELETE FROM finished WHERE seq <= ?", (posted.seq,)).rowcount
                self._finished -= gone
            return _entries(connection.execute(query, (most,)))

        return await self._ask(forget_and_find)

    async def set_aside(self, entry: Entry, reason: str) -> None:
        """A finished entry that can never be posted steps out of the way. It is not lost, and is in the figures."""

        def move(connection: sqlite3.Connection) -> None:
            with _transaction(connection) as execute:
                kept = (
                    "INSERT OR IGNORE INTO set_aside SELECT seq, at_ms, id, content, ? FROM finished WHERE seq = ?"
                )
                execute(kept, (reason, entry.seq))
                removed = execute("DELETE FROM finished WHERE seq = ?", (entry.seq,)).rowcount
            self._finished -= removed
            self._set_aside += removed

        await self._ask(move)

    async def left_in_flight(self) -> Sequence[Entry]:
        """What is in flight; asked before the first `begin`, that is what dead processes left."""
        query = "SELECT id, CAST(content AS BLOB), 0 FROM in_flight ORDER BY id"
        return await self._ask(lambda connection: _entries(connection.execute(query)))

    async def figures(self) -> Figures:
        query = "SELECT at_ms FROM finished ORDER BY seq LIMIT 1"
        first = await self._ask(lambda connection: connection.execute(query).fetchone())
        age_s = max(0.0, time.time() - first[0] / 1000) if first else 0.0
        return Figures(self._in_flight, self._finished, age_s, self._set_aside)

    async def close(self) -> None:
        """Write what waits, then let go of the file."""
        with self._something_waits:
            self._closing = True
            self._something_waits.notify()
        await asyncio.to_thread(self._thread.join)

    def _wish(self, verb: Verb, id: str, content: bytes) -> "asyncio.Future[None]":
        done: asyncio.Future[None] = self._loop.create_future()
        self._enqueue(_Wish(verb, id, content, done))
        return done

    async def _ask(self, ask: Callable[[sqlite3.Connection], Answer]) -> Answer:
        done: asyncio.Future[Answer] = self._loop.create_future()
        self._enqueue(_Question(ask, done))
        return await done

    def _enqueue(self, item: _Wish | _Question) -> None:
        with self._lock:
            if self._closing:
                raise SpoolBroken
            self._waiting.append(item)
            if len(self._waiting) == 1:
                self._something_waits.notify()

    def _work(self) -> None:
        """The thread: commit whatever waits, say so, and end once we are closing and nothing waits any more."""
        while batch := self._take():
            wishes = [item for item in batch if isinstance(item, _Wish)]
            _, problem = self._attempt(self._write, wishes)
            outcomes: list[_Outcome] = [(wish.done, None, problem) for wish in wishes]
            for item in batch:
                if isinstance(item, _Question):
                    answer, problem = self._attempt(item.ask, self._connection)
                    outcomes.append((item.done, answer, problem))
            self._loop.call_soon_threadsafe(_tell, outcomes)
        self._connection.close()

    def _take(self) -> list[_Wish | _Question]:
        with self._something_waits:
            while not self._waiting and not self._closing:
                self._something_waits.wait()
        if self._in_flight >= CROWD and not self._closing:
            time.sleep(GATHER_S)
        with self._lock:
            return [self._waiting.popleft() for _ in range(min(len(self._waiting), COMMIT_MOST))]

    def _attempt(self, work: Callable[[Given], Answer], given: Given) -> tuple[Answer | None, BaseException | None]:
        try:
            done = work(given)
        except Exception as problem:  # The last rung: a thread that dies would leave everybody waiting.
            if not self._is_broken:
                log.exception("spool_failed", file=str(self._file), problem=str(problem))
            self._is_broken = True
            return None, SpoolBroken()
        if self._is_broken:
            log.info("spool_works_again", file=str(self._file))
        self._is_broken = False
        return done, None

    def _write(self, wishes: Sequence[_Wish]) -> None:
        """All of them in one transaction; one entry's verbs come in the order in which they can."""
        if not wishes:
            return
        wanted: dict[Verb, list[_Wish]] = {"begin": [], "note": [], "finish": [], "abandon": []}
        for wish in wishes:
            wanted[wish.verb].append(wish)
        in_flight = finished = 0
        now_ms = time.time_ns() // 1_000_000
        with _transaction(self._connection) as execute:
            for begun in in_batches([(wish.id, wish.content) for wish in wanted["begin"]]):
                in_flight += execute(_BEGIN[len(begun)], values_of(begun)).rowcount
            for wish in wanted["note"]:
                execute("UPDATE in_flight SET content = ? WHERE id = ?", (wish.content, wish.id))
            for done in in_batches([(now_ms, wish.id, wish.content) for wish in wanted["finish"]]):
                finished += execute(_FINISH[len(done)], values_of(done)).rowcount
            for ended in in_batches([wish.id for wish in wanted["finish"] + wanted["abandon"]]):
                in_flight -= execute(_END[len(ended)], tuple(ended)).rowcount
        self._in_flight += in_flight
        self._finished += finished


async def open_spool(
    folder: Path, *, in_flight_most: int = IN_FLIGHT_MOST, finished_most: int = FINISHED_MOST
) -> Spool:
    """Take a file that no living process has, and with it whatever dead ones left in this folder."""
    connection, file, taken_over = await asyncio.to_thread(_claim, folder)
    return Spool(
        connection, file, taken_over=taken_over, in_flight_most=in_flight_most, finished_most=finished_most
    )


def _claim(folder: Path) -> tuple[sqlite3.Connection, Path, list[str]]:
    taken_over = []
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        files = [folder / f"{number}.db" for number in range(SLOTS_MOST)]
        for file in files:
            ours = _locked(file)
            if ours is not None:
                break
        else:
            raise StartupProblem(f"{SLOTS_MOST} processes have their spool in {folder} already")
        for other in files:
            if other != file and other.exists() and (theirs := _locked(other)) is not None:
                _take_over(ours, theirs)
                taken_over.append(_owner(theirs))
                theirs.close()
    except (OSError, sqlite3.Error) as problem:
        raise StartupProblem(f"cannot open the spool in {folder}: {problem}") from problem
    return ours, file, taken_over


def _locked(file: Path) -> sqlite3.Connection | None:
    """The file, ours alone until it is closed, or None while another process has it."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    connection = sqlite3.connect(file, timeout=0, isolation_level=None, check_same_thread=False)
    try:
        for pragma in _PRAGMAS:
            connection.execute(pragma).fetchall()
        with _transaction(connection) as execute:
            for statement in _SCHEMA:
                execute(statement)
    except sqlite3.OperationalError as problem:
        connection.close()
        if problem.sqlite_errorcode == sqlite3.SQLITE_BUSY:
            return None
        raise
    return connection


def _take_over(ours: sqlite3.Connection, theirs: sqlite3.Connection) -> None:
    """A crash in between leaves entries in both files, which is harmless: each is posted once for its id."""
    in_flight = theirs.execute("SELECT id, content FROM in_flight")
    finished = theirs.execute("SELECT at_ms, id, content FROM finished ORDER BY seq")
    with _transaction(ours):
        before = ours.total_changes
        ours.executemany("INSERT OR IGNORE INTO in_flight VALUES (?, ?)", in_flight)
        ours.executemany("INSERT INTO finished (at_ms, id, content) VALUES (?, ?, ?)", finished)
        taken = ours.total_changes - before
    with _transaction(theirs) as execute:
        execute("DELETE FROM in_flight")
        execute("DELETE FROM finished")
    if taken:
        log.warning("spool_taken_over", entries=taken)


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[Callable[..., sqlite3.Cursor]]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection.execute
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def _owner(connection: sqlite3.Connection) -> str:
    name: str = connection.execute("SELECT name FROM owner").fetchone()[0]
    return name


def _entries(rows: Iterable[tuple[str, bytes, int]]) -> list[Entry]:
    return [Entry(*row) for row in rows]


def _tell(outcomes: Sequence[_Outcome]) -> None:
    for done, answer, problem in outcomes:
        if done.cancelled():
            continue
        if problem is None:
            done.set_result(answer)
        else:
            done.set_exception(problem)
