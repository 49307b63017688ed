"""Logins as coding CLIs keep them, and hosts that hold them as a courier would."""

import base64
import dataclasses
import datetime as dt
import json
from typing import Any, Final

import httpx2

from monoize.base.clock import utc_now
from monoize.control.fleet.model import dates, documents, json_text
from monoize.control.fleet.model.tools import CODEX, TOOLS
from support.fleet import EnrolledHost, told

Json = dict[str, Any]

PLACEHOLDER: Final = {"auths": {}, "last_refresh": dates.NO_FILE_YET}


def ago(**span: float) -> str:
    return dates.written(utc_now() - dt.timedelta(**span))


def access_token(name: str = "first", *, lives_s: float = 3600) -> str:
    """A JWT that nobody signed."""
    claims = {"exp": int(utc_now().timestamp() + lives_s), "sub": name, "jti": "0123456789abcdef"}
    parts = ({"alg": "RS256"}, claims, {"signature": name})
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)


def login(name: str = "first", *, last_refresh: str | None = None, lives_s: float = 3600, **more: Any) -> Json:
    """What `codex login` leaves behind."""
    return {
        "auth_mode": "chatgpt",
        "OPENAI_API_KEY": None,
        "tokens": {
            "id_token": f"id.token.{name}",
            "access_token": access_token(name, lives_s=lives_s),
            "refresh_token": f"rt-{name}-0123456789",
            "account_id": "account-1",
        },
        "last_refresh": last_refresh or ago(hours=1),
        **more,
    }


def normal(document: Json, tool: str = "codex") -> Json:
    """As the hub gives it back."""
    given_back: Json = json.loads(
        json_text.write(documents.normal(json_text.read(json.dumps(document)), TOOLS[tool]))
    )
    return given_back


def digest(document: Json, tool: str = "codex") -> str:
    """What a courier says of its file; also of one that is no login."""
    read = json_text.read(json.dumps(document))
    try:
        return json_text.digest(documents.normal(read, TOOLS[tool]))
    except ValueError:
        return json_text.digest(read)


@dataclasses.dataclass
class Sharer:
    """A host with a login of its own, or with none yet."""

    host: EnrolledHost
    file: Json = dataclasses.field(default_factory=lambda: dict(PLACEHOLDER))
    tool: str = CODEX.name

    async def retrieve(self, **changes: Any) -> httpx2.Response:
        asked = {"command": "retrieve", "digest": digest(self.file, self.tool), "last_refresh": self._moment()}
        return await self.host.calls().post("/auth", json={**asked, **changes})

    async def store(self, **changes: Any) -> httpx2.Response:
        return await self.host.calls().post("/auth", json={"command": "store", "auth": self.file, **changes})

    async def asks(self, **changes: Any) -> Json:
        return self._took(told(await self.retrieve(**changes)))

    async def hands_in(self, **changes: Any) -> Json:
        return self._took(told(await self.store(**changes)))

    async def syncs(self) -> str:
        """As a courier does it; how it ended."""
        data = await self.asks()
        if data["status"] in ("missing", "upload_required"):
            data = await self.hands_in(base_digest=data["canonical_digest"])
        return str(data["status"])

    def _took(self, data: Json) -> Json:
        if "auth" in data:
            self.file = data["auth"]
        return data

    def _moment(self) -> str:
        tool = TOOLS[self.tool]
        value = documents.at(self.file, tool.moment_path)
        if tool.moment_kind == "unix_ms" and value is not None:
            return dates.written(dates.instant_of_unix_ms(value))
        return value or dates.NO_FILE_YET
