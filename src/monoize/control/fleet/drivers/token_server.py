"""The server that renews a login: OAuth 2 as Codex speaks it, for the hub that refreshes in its hosts' place."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Final

from monoize.control.fleet.drivers.answers import NoAnswer, ask
from monoize.control.fleet.model.renewal import FINAL_ERRORS

TIMEOUT_S: Final = 20
CLIENT_ID: Final = "app_EMoamEEZ73f0CkXaXp7hrann"
"""The public client of the Codex CLI, for which its refresh tokens are issued."""
_TOKEN_CHARS_MOST: Final = 16_384
_REFUSALS: Final = frozenset({400, 401, 403})


class RefreshRefused(Exception):
    """The login cannot be renewed with this token, now or later; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class RefreshFailed(Exception):
    """Nobody knows: the server did not answer, or not as it should. It may have renewed the login all the same."""


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Granted:
    """What was given in place of the old tokens; without a new refresh token the old one stays good."""

    access_token: str
    id_token: str | None
    refresh_token: str | None

    def tokens(self) -> dict[str, str]:
        return {name: token for name, token in dataclasses.asdict(self).items() if token is not None}


class TokenServer:
    def __init__(self, url: str) -> None:
        self._url = url

    async def refresh(self, refresh_token: str) -> Granted:
        body = {
            "client_id": CLIENT_ID,
            "grant_type": "refresh_token",
            "refresh_token": refresh_token,
            "scope": "openid profile email",
        }
        try:
            status, answer = await ask(self._url, body, within_s=TIMEOUT_S)
        except NoAnswer as problem:
            raise RefreshFailed(str(problem)) from problem
        if status in _REFUSALS:
            raise RefreshRefused(_code(answer))
        access_token = _token(answer, "access_token")
        if status != 200 or access_token is None:
            raise RefreshFailed(f"HTTP {status} without a token")
        return Granted(access_token, _token(answer, "id_token"), _token(answer, "refresh_token"))


def _token(answer: Mapping[str, Any], name: str) -> str | None:
    token = answer.get(name)
    return token if isinstance(token, str) and 0 < len(token) <= _TOKEN_CHARS_MOST else None


def _code(answer: Mapping[str, Any]) -> str:
    """The reason, if it is one that we know; it stands in any of three places."""
    error = answer.get("error")
    named = error.get("code") if isinstance(error, Mapping) else error
    return next((code for code in (named, answer.get("code")) if code in FINAL_ERRORS), "refused")
