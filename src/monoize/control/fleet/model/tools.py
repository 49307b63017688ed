"""The coding CLIs whose login we keep: where their file lies, where in it the token and its moment stand.

One value for each tool, and no other code asks which tool it is. The courier knows the same three.
"""

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import Final, Literal

from monoize.control.fleet.model import dates

ToolName = Literal["codex", "claude", "gemini"]
Path = tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Tool:
    """`moment_path` says when the login was last renewed; of two files the later one is the newer login."""

    name: ToolName
    file: str
    login_target: str
    token_paths: tuple[Path, ...]
    moment_path: Path
    moment_kind: Literal["rfc3339", "unix_ms"]
    # A moment that is an expiry lies as far ahead as its token lives.
    ahead_most: dt.timedelta
    has_entries: bool = False


CODEX: Final = Tool(
    name="codex",
    file="~/.codex/auth.json",
    login_target="api.openai.com",
    token_paths=(("tokens", "access_token"), ("OPENAI_API_KEY",)),
    moment_path=("last_refresh",),
    moment_kind="rfc3339",
    ahead_most=dates.AHEAD_MOST,
    has_entries=True,
)
CLAUDE: Final = Tool(
    name="claude",
    file="~/.claude/.credentials.json",
    login_target="api.anthropic.com",
    token_paths=(("claudeAiOauth", "accessToken"),),
    moment_path=("claudeAiOauth", "expiresAt"),
    moment_kind="unix_ms",
    ahead_most=dt.timedelta(days=400),
)
GEMINI: Final = Tool(
    name="gemini",
    file="~/.gemini/oauth_creds.json",
    login_target="generativelanguage.googleapis.com",
    token_paths=(("access_token",),),
    moment_path=("expiry_date",),
    moment_kind="unix_ms",
    ahead_most=dt.timedelta(days=400),
)
TOOLS: Final[Mapping[str, Tool]] = {tool.name: tool for tool in (CODEX, CLAUDE, GEMINI)}
