"""How long `monoize serve` takes until /healthz answers, beside starting Python and importing its libraries."""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from support.server import serving

RUNS = 5
LIMIT_S = 2.0


def python_s(code: str) -> float:
    started = time.monotonic()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.monotonic() - started


def serve_s(folder: Path) -> float:
    with serving(folder) as server:
        return server.ready_s


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        first_s = serve_s(Path(folder))
        later_s = statistics.median(serve_s(Path(folder)) for _ in range(RUNS))
    bare_s = statistics.median(python_s("pass") for _ in range(RUNS))
    parts_s = statistics.median(python_s("import fastapi, uvicorn, sqlalchemy") for _ in range(RUNS))
    print(f"python alone                          {bare_s:.3f} s")
    print(f"import fastapi, uvicorn, sqlalchemy   {parts_s:.3f} s")
    print(f"monoize serve, new database           {first_s:.3f} s")
    print(f"monoize serve, median of {RUNS}            {later_s:.3f} s")
    held = later_s < LIMIT_S
    verdict = "holds" if held else "DOES NOT HOLD"
    print(f"startup: {verdict}: {later_s:.2f} s of {LIMIT_S} s, {later_s / parts_s:.2f} × importing its libraries")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
