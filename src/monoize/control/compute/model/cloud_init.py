"""What a new server does first: writes the agent's environment and files, and starts its service. Pure."""

import base64
import json
from collections.abc import Mapping
from typing import Any, Final

ENV_FILE: Final = "/etc/monoize/env"
SERVICE: Final = "monoize-agent"
USER_DATA_BYTES_MOST: Final = 32 * 1024


class TooMuchUserData(ValueError):
    """More than a provider hands to a new server."""


def user_data(env: Mapping[str, str], files: Mapping[str, str]) -> str:
    """A cloud-config. It is written as JSON, which YAML includes, so that no text can be read as anything else."""
    variables = "".join(f"{name}={_quoted(value)}\n" for name, value in env.items())
    document: Mapping[str, Any] = {
        "write_files": [_file(ENV_FILE, variables), *(_file(path, text) for path, text in files.items())],
        "runcmd": [
            ["systemctl", "daemon-reload"],
            ["systemctl", "enable", "--now", f"{SERVICE}.service"],
        ],
    }
    text = f"#cloud-config\n{json.dumps(document, indent=1)}\n"
    if len(text.encode()) > USER_DATA_BYTES_MOST:
        raise TooMuchUserData(f"environment and files are more than {USER_DATA_BYTES_MOST} bytes")
    return text


def _file(path: str, text: str) -> Mapping[str, str]:
    content = base64.b64encode(text.encode()).decode()
    return {"path": path, "encoding": "b64", "content": content, "permissions": "0600", "owner": "root:root"}


def _quoted(value: str) -> str:
    """As systemd's EnvironmentFile and a shell both read it."""
    if "\n" in value or "\0" in value:
        raise ValueError("a variable is one line")
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$").replace("`", "\\`")
    return f'"{escaped}"'
