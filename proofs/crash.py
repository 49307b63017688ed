"""kill -9 of a busy server at random moments loses no acknowledged change, doubles none, and breaks no chain.

Each round starts the server, creates users from several threads, kills it without warning, and starts it again:
every acknowledged user is there; every unanswered request is repeated with its Idempotency-Key and then exists
exactly once; the audit log has one row for each user, and its chain is whole.
"""

import concurrent.futures
import json
import random
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from support.server import serving

ROUNDS = 10
THREADS = 4
ADMIN_TOKEN = "a-token-for-this-proof-only"
CHANGES_S = (0.1, 0.8)


def call(address: str, method: str, path: str, body: object = None, key: str | None = None) -> dict[str, object]:
    headers = {"authorization": f"Bearer {ADMIN_TOKEN}", "content-type": "application/json"}
    if key:
        headers["idempotency-key"] = key
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(f"{address}{path}", data, headers, method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        found: dict[str, object] = json.loads(answer.read())
        return found


def create_until_it_dies(address: str, prefix: str) -> tuple[list[str], str]:
    """(names that were acknowledged, the one name that was on its way)."""
    acknowledged: list[str] = []
    while True:
        name = f"{prefix}_{len(acknowledged)}"
        try:
            call(address, "POST", "/api/users", {"username": name}, key=name)
        except (OSError, urllib.error.URLError):
            return acknowledged, name
        acknowledged.append(name)


def all_users(address: str) -> list[str]:
    names: list[str] = []
    cursor = ""
    while True:
        page = call(address, "GET", f"/api/users?limit=200{cursor}")
        items = page["items"]
        assert isinstance(items, list)
        names += [item["username"] for item in items]
        if page["next_cursor"] is None:
            return names
        cursor = f"&cursor={page['next_cursor']}"


def problem_of_chain(address: str) -> object:
    after = 0
    while True:
        verdict = call(address, "GET", f"/api/audit/verification?after={after}")
        if verdict["complete"]:
            return verdict["problem"]
        after = int(str(verdict["last_seq"]))


def main() -> int:
    dice = random.Random(20261121)
    expected: list[str] = []
    interrupted = 0
    with tempfile.TemporaryDirectory() as name, concurrent.futures.ThreadPoolExecutor(THREADS) as threads:
        folder = Path(name)
        for number in range(ROUNDS):
            with serving(folder, MONOIZE_ADMIN_TOKEN=ADMIN_TOKEN) as server:
                busy = [
                    threads.submit(create_until_it_dies, server.address, f"r{number}_{thread}")
                    for thread in range(THREADS)
                ]
                time.sleep(dice.uniform(*CHANGES_S))
                server.kill()
            with serving(folder, MONOIZE_ADMIN_TOKEN=ADMIN_TOKEN) as server:
                for acknowledged, unanswered in (work.result() for work in busy):
                    call(server.address, "POST", "/api/users", {"username": unanswered}, key=unanswered)
                    expected += [*acknowledged, unanswered]
                    interrupted += 1
                found, problem = all_users(server.address), problem_of_chain(server.address)
            lost, doubled = set(expected) - set(found), len(found) - len(set(found))
            print(
                f"round {number + 1:2}: {len(found):4} users, lost {len(lost)}, doubled {doubled},"
                f" chain {problem or 'whole'}"
            )
            if lost or doubled or problem or len(found) != len(expected):
                print("crash: DOES NOT HOLD")
                return 1
    print(f"crash: holds: {ROUNDS} kills, {len(expected)} changes, {interrupted} interrupted: lost 0 doubled 0")
    return 0


if __name__ == "__main__":
    sys.exit(main())
