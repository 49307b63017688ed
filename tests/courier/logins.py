"""Logins as coding CLIs keep them."""

import base64
import datetime as dt
import json
import secrets
from typing import Any


def moment(ahead_s: float = 0) -> str:
    at = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=ahead_s)
    # Codex writes nine digits.
    return at.strftime("%Y-%m-%dT%H:%M:%S.%f") + "789Z"


def codex_login(ahead_s: float = -60, **tokens: str) -> dict[str, Any]:
    """With tokens that nobody else has."""
    payload = base64.urlsafe_b64encode(json.dumps({"jti": secrets.token_hex(8)}).encode()).decode().rstrip("=")
    fresh = {
        "id_token": f"e30.{payload}.id",
        "access_token": f"e30.{payload}.{secrets.token_urlsafe(24)}",
        "refresh_token": secrets.token_urlsafe(24),
        "account_id": "acc",
    }
    return {
        "auth_mode": "chatgpt",
        "OPENAI_API_KEY": None,
        "tokens": {**fresh, **tokens},
        "last_refresh": moment(ahead_s),
    }


def claude_login(expires_in_s: float = 3600) -> dict[str, Any]:
    expires_at = int((dt.datetime.now(dt.UTC).timestamp() + expires_in_s) * 1000)
    token = secrets.token_urlsafe(32)
    return {"claudeAiOauth": {"accessToken": token, "refreshToken": token[::-1], "expiresAt": expires_at}}
