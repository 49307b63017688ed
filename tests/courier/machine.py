"""A computer of somebody's: a home of its own, a coding CLI, and the courier as a real process in it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import httpx2
from fakes.coding_tool import CodingTool
from support.patience import PATIENCE_S
from support.processes import Outcome

SCRIPT: Final = Path(__file__).parents[2] / "src" / "monoize" / "courier" / "courier.py"
RUN_S: Final = 60


class Machine:
    def __init__(self, folder: Path, tool: str = "codex", python: str = sys.executable) -> None:
        self.home = folder / "home"
        self.home.mkdir(parents=True)
        self.tool = CodingTool(folder, tool)
        self.courier_home = self.home / ".monoize"
        self.codex_home = self.home / ".codex"
        self.login_file = self.codex_home / "auth.json"
        self._python = python
        self._environment = {"HOME": str(self.home), "PATH": f"{self.tool.bin}:/usr/bin:/bin"}

    def enrol(self, base_url: str, key: str, **more: str) -> "Machine":
        """As the installer leaves it, without alias and timer."""
        self.courier_home.mkdir(mode=0o700)
        told = {"base_url": base_url, "key": key, "fqdn": "one.example.com", **more}
        (self.courier_home / "courier.json").write_text(json.dumps(told))
        (self.courier_home / "courier.py").write_bytes(SCRIPT.read_bytes())
        return self

    def courier(self, *arguments: str, **variables: str) -> Outcome:
        command = [self._python, str(self.courier_home / "courier.py"), *arguments]
        return self.run(*command, **variables)

    def cdx(self, *arguments: str, **variables: str) -> Outcome:
        return self.courier("cdx", *arguments, **variables)

    def run(self, *command: str, stdin: str = "", **variables: str) -> Outcome:
        done = subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            text=True,
            cwd=self.home,
            env=self._environment | variables,
            timeout=RUN_S,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Outcome(done.returncode, done.stdout, done.stderr)

    def log_in(self, document: dict[str, Any]) -> None:
        """As the tool's own login leaves its file."""
        self.codex_home.mkdir(exist_ok=True)
        self.login_file.write_text(json.dumps(document, indent=2))
        os.chmod(self.login_file, 0o600)

    @property
    def login(self) -> dict[str, Any] | None:
        return json.loads(self.login_file.read_text()) if self.login_file.exists() else None

    @property
    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = json.loads((self.courier_home / "state.json").read_text())
        return state

    def age(self, **changes: Any) -> None:
        """As if the courier had written this into its state."""
        (self.courier_home / "state.json").write_text(json.dumps({**self.state, **changes}))


class Operator:
    """Somebody who runs the hub at `address`."""

    def __init__(self, address: str, token: str) -> None:
        self.address = address
        self._http = httpx2.Client(
            base_url=address, headers={"authorization": f"Bearer {token}"}, timeout=PATIENCE_S
        )

    def close(self) -> None:
        self._http.close()

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        return self.asked(method, f"/api/fleet{path}", body)

    def asked(self, method: str, path: str, body: Any = None) -> Any:
        answer = self._http.request(method, path, json=body)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def status(self, method: str, path: str) -> int:
        return self._http.request(method, path).status_code

    def enrol(self, fqdn: str, **fields: Any) -> dict[str, Any]:
        enrolled: dict[str, Any] = self.ask("POST", "/hosts", {"fqdn": fqdn, **fields})
        return enrolled

    def enrolled(self, machine: Machine, fqdn: str, **fields: Any) -> Machine:
        return machine.enrol(self.address, self.enrol(fqdn, **fields)["secret"])
