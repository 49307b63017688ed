"""What a process of `at_once.py` does."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

from monoize.base.errors import StartupProblem


def make_key(file: str) -> None:
    from monoize.infra import sealed

    _wait_for_the_word()
    key, made = sealed.make_key(Path(file))
    print(key.hex(), made)


async def increment(address: str, times: str) -> None:
    """Read the number in the table `tally` and write it back one higher, each time in a transaction."""
    from sqlalchemy import text

    from monoize.infra import dsn
    from monoize.infra.db import open_database

    database = await open_database(dsn.parse(address), pool_size=1)
    _wait_for_the_word()
    for _ in range(int(times)):
        async with database.write() as tx:
            n = await tx.scalar(text("SELECT n FROM tally"))
            await tx.execute(text(f"UPDATE tally SET n = {n + 1}"))
    await database.close()


async def migrate(address: str, statements: str = "0") -> None:
    """Print the migrations that were applied by us; die before the given statement, if one is given."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    from monoize.infra import dsn
    from monoize.infra.db import open_database
    from monoize.migrations import runner

    last, seen = int(statements), 0

    def count(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        nonlocal seen
        seen += statement.lstrip().startswith(("CREATE", "INSERT"))
        if seen == last:
            os.kill(os.getpid(), signal.SIGKILL)

    if last:
        event.listen(Engine, "before_cursor_execute", count)
    _wait_for_the_word()
    database = await open_database(dsn.parse(address), pool_size=1)
    for name in await runner.migrate(database):
        print(name)
    await database.close()


async def open_house(address: str, folder: str, master_key: str = "", master_key_file: str = "") -> None:
    """Everything a start does but listening. Prints the id of the key."""
    from monoize.infra.settings import Settings
    from monoize.main import house

    settings = Settings(
        database_dsn=address,
        data_dir=Path(folder),
        master_key=master_key,
        master_key_file=Path(master_key_file) if master_key_file else None,
    )
    _wait_for_the_word()
    async with house.open_house(settings) as (opened, _identity):
        print(opened.seal.key_id)


async def place_holds(address: str, namespace: str, budget: str, times: str) -> None:
    """Try so often to hold one nano-USD, a few at once. Prints how often it succeeded."""
    from monoize.infra.holds import Claim, Placed
    from monoize.infra.redis_holds import RedisHolds

    holds = RedisHolds(address, namespace=namespace)
    claims, owner = (Claim(budget, 1),), f"process-{os.getpid()}"
    _wait_for_the_word()
    placed = await asyncio.gather(
        *(holds.place(f"{owner}:{n}", claims, owner=owner, lifetime_s=60) for n in range(int(times)))
    )
    print(sum(isinstance(answer, Placed) for answer in placed))
    await holds.close()


async def take_quota(address: str, namespace: str, key: str, most: str, times: str) -> None:
    """Try so often to be admitted, all at once. Prints how often it succeeded."""
    from monoize.base.quotas import Quota
    from monoize.infra.quotas import Admitted
    from monoize.infra.redis_quotas import RedisQuotas

    quotas, wanted = RedisQuotas(address, namespace=namespace), [Quota("max_ai_calls_per_day", "day", int(most))]
    _wait_for_the_word()
    outcomes = await asyncio.gather(*(quotas.take(key, wanted) for _ in range(int(times))))
    print(sum(isinstance(outcome, Admitted) for outcome in outcomes))
    await quotas.close()


async def spool_until_killed(folder: str, workers: str) -> None:
    """Begin and finish entries, and print each id once its `finish` has returned."""
    from monoize.infra.spool import open_spool

    spool = await open_spool(Path(folder))
    _wait_for_the_word()

    async def work(name: str) -> None:
        number = 0
        while True:
            number += 1
            await spool.begin(f"{name}.{number}", b'"floor"')
            await spool.finish(f"{name}.{number}", b'"charge"')
            print(f"{name}.{number}", flush=True)

    async with asyncio.timeout(60), asyncio.TaskGroup() as together:
        for worker in range(int(workers)):
            together.create_task(work(f"{os.getpid()}-{worker}"))


async def spool_without_room(folder: str, bytes_most: str) -> None:
    """Begin entries in files that may not grow beyond so many bytes; print those that were taken."""
    import resource

    from monoize.infra import log
    from monoize.infra.spool import SpoolBroken, open_spool

    log.configure("error", "console")
    spool = await open_spool(Path(folder))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(bytes_most), int(bytes_most)))
    _wait_for_the_word()
    refused = 0
    for number in range(2000):
        try:
            await spool.begin(str(number), b'"%s"' % (b"x" * 2000))
            print(number)
        except SpoolBroken:
            refused += 1
    print(f"refused {refused}")
    await spool.close()


async def rotate_master_key(address: str, folder: str, moment: str) -> None:
    """Exchange the master key, and die just before the transaction commits or before the key file is replaced."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    from monoize.infra.settings import Settings
    from monoize.main import master_key

    def die(*_: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def die_at_the_file(happens: str, arguments: tuple[Any, ...]) -> None:
        if happens == moment and str(arguments[1]).endswith("master.key"):
            die()

    _wait_for_the_word()
    if moment == "commit":
        event.listen(Engine, "commit", die)
    sys.addaudithook(die_at_the_file)
    await master_key.rotate(Settings(database_dsn=address, data_dir=Path(folder)), None)


def put_backup_in_place(address: str, renames: str) -> None:
    """Put the copy of a staged restore in place, and die before the given renaming of a file."""
    from monoize.infra import backups, dsn

    seen = 0

    def die_at_a_rename(happens: str, _arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        if happens == "os.rename":
            seen += 1
            if seen == int(renames):
                os.kill(os.getpid(), signal.SIGKILL)

    _wait_for_the_word()
    sys.addaudithook(die_at_a_rename)
    backups.put_in_place(dsn.parse(address))


def serve_with_a_fuse(fuse: str) -> None:
    """`monoize serve`, which dies before the so-manyth commit about machines, once there is a number in `fuse`."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    from monoize.cli.app import main as command

    file = Path(fuse)

    def look(connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        verb, _, rest = statement.partition(" ")
        if verb in ("INSERT", "UPDATE", "DELETE") and ("compute_operation" in rest or "vpses" in rest):
            connection.info["moves_machines"] = True

    def count(connection: Any) -> None:
        if not connection.info.pop("moves_machines", False) or not file.exists():
            return
        left = int(file.read_text()) - 1
        if left:
            file.write_text(str(left))
        else:
            file.unlink()
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "before_cursor_execute", look)
    event.listen(Engine, "commit", count)
    sys.argv[1:] = ["serve"]
    command()


def _wait_for_the_word() -> None:
    print("ready", flush=True)
    sys.stdin.readline()


def main(name: str, *arguments: str) -> None:
    deed = globals()[name]
    try:
        if asyncio.iscoroutinefunction(deed):
            asyncio.run(deed(*arguments))
        else:
            deed(*arguments)
    except StartupProblem as problem:
        sys.exit(f"monoize: {problem}")
