"""A clean clone with an empty home sets itself up, serves, stops, serves again at once, and runs tests.

Nothing of this machine is inherited but PATH and how package indexes are reached: no caches, no settings.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from support.server import serving

ROOT = Path(__file__).parents[1]
SECOND_START_S = 2.0
# What a machine takes to load two of the libraries, for which that limit is meant; a slower one has more time.
LOADED_S = 0.4
_INHERITED = re.compile(r"PATH|LANG|(PIP|UV|SSL)_\w+|\w+_proxy", re.IGNORECASE)


def environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if _INHERITED.fullmatch(name)}  # noqa: TID251
    return {**kept, "HOME": str(home)}


def serve(clone: Path, env: dict[str, str]) -> tuple[float, int]:
    """(seconds until /healthz answered, exit code after SIGTERM)."""
    with serving(clone, command=["bin/serve", "--port", "0"], env=env) as server:
        return server.ready_s, server.stop()


def limit_s(clone: Path) -> float:
    """The second start's, on this machine."""
    load = [str(clone / ".venv/bin/python"), "-c", "import fastapi, sqlalchemy"]
    took_s = []
    for _ in range(3):
        started_s = time.perf_counter()
        subprocess.run(load, check=True)
        took_s.append(time.perf_counter() - started_s)
    return SECOND_START_S * max(1.0, min(took_s) / LOADED_S)


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        home, clone = Path(folder, "home"), Path(folder, "clone")
        home.mkdir()
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        env = environment(home)
        first_s, first_code = serve(clone, env)
        print(f"bin/serve  first time: ready after {first_s:.1f} s with set-up, exit code {first_code}")
        most_s = limit_s(clone)
        again_s, again_code = serve(clone, env)
        print(f"bin/serve  second time: ready after {again_s:.2f} s of {most_s:.2f} s, exit code {again_code}")
        tests = subprocess.run(["bin/test", "tests/base"], cwd=clone, env=env, capture_output=True, text=True)
        last = (tests.stdout.strip().splitlines() or [tests.stderr[-200:]])[-1]
        print(f"bin/test   tests/base: exit code {tests.returncode}: {last}")
    held = (first_code, again_code, tests.returncode) == (0, 0, 0) and again_s < most_s
    print(f"clean-start: {'holds' if held else 'DOES NOT HOLD'}: both commands set themselves up from nothing")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
