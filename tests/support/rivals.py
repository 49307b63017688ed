"""Other gateways, each from its own package: fetched on first use below .work, started on a core, and stopped.

For benchmarks: what ours costs is said beside what people use today.
"""

import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

import httpx2

from support.processes import environment

FOLDER: Final = Path(__file__).parents[2] / ".work" / "rivals"
LITELLM: Final = "litellm[proxy]==1.106.2"
PORTKEY: Final = "@portkey-ai/gateway@1.15.2"
KEY: Final = "sk-rival"
_FETCHED_MOST_S: Final = 600
_READY_MOST_S: Final = 300


class Rival(NamedTuple):
    """`headers` beside the key, which is KEY, are what it wants to be told with each request."""

    address: str
    headers: Mapping[str, str]
    pids: list[int]
    start_s: float


@contextlib.contextmanager
def litellm(upstream: str, core: int) -> Iterator[Rival]:
    """One worker, as its documentation starts it, without a database; its own list of prices, not one from afar."""
    python = FOLDER / "litellm" / "bin" / "python"
    if not (FOLDER / "litellm" / "fetched").exists():
        _fetch("-m", "venv", str(FOLDER / "litellm"), program=sys.executable)
        _fetch("-m", "pip", "install", "--quiet", LITELLM, program=str(python))
        (FOLDER / "litellm" / "fetched").touch()
    model = {"model": "openai/m", "api_base": f"http://{upstream}/v1", "api_key": "their-key"}
    config = {
        "model_list": [{"model_name": "m", "litellm_params": model}],
        "general_settings": {"master_key": KEY},
        "litellm_settings": {"telemetry": False},
    }
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        # JSON is YAML.
        (Path(folder) / "config.yaml").write_text(json.dumps(config))
        command = (str(python.with_name("litellm")), "--config", f"{folder}/config.yaml", "--host", "127.0.0.1")
        settings = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "NO_DOCS": "True", "LITELLM_LOG": "ERROR"}
        with _running(core, 18_778, "/health/liveliness", *command, "--port", "18778", **settings) as rival:
            yield rival


@contextlib.contextmanager
def portkey(upstream: str, core: int) -> Iterator[Rival]:
    script = FOLDER / "portkey" / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"
    if not script.exists():
        prefix = ("--prefix", str(FOLDER / "portkey"))
        _fetch("install", *prefix, "--ignore-scripts", "--no-audit", "--no-fund", PORTKEY, program="npm")
    with _running(core, 18_777, "/", "node", str(script), "--port=18777", "--headless") as rival:
        headers = {"x-portkey-provider": "openai", "x-portkey-custom-host": f"http://{upstream}/v1"}
        yield rival._replace(headers=headers)


def _fetch(*arguments: str, program: str) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    found = shutil.which(program)
    assert found is not None, f"{program} is needed to fetch what to compare with"
    print(f"fetching: {' '.join((Path(found).name, *arguments[:2]))} …", file=sys.stderr, flush=True)
    subprocess.run([found, *arguments], check=True, timeout=_FETCHED_MOST_S, stdout=sys.stderr)


@contextlib.contextmanager
def _running(core: int, port: int, path: str, *command: str, **settings: str) -> Iterator[Rival]:
    started_s = time.monotonic()
    with (FOLDER / f"{port}.log").open("wb") as log:
        process = subprocess.Popen(
            ("taskset", "-c", str(core), *command),
            env=environment(**settings),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        while not _answers(address + path):
            late = time.monotonic() > started_s + _READY_MOST_S
            assert process.poll() is None and not late, (FOLDER / f"{port}.log").read_text()[-2_000:]
            time.sleep(0.1)
        yield Rival(address, {}, [process.pid], time.monotonic() - started_s)
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(address: str) -> bool:
    try:
        return httpx2.get(address, timeout=5).status_code < 500
    except httpx2.TransportError:
        return False
