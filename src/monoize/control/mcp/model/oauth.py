"""How a token that opens a server is asked for, by OAuth 2: as a program, or by a grant that is stored.

A person who signs in with a browser is no part of this: what they were given (a refresh token) is stored instead.
What cannot be used is a ValueError whose text says why, and holds nothing secret. Pure.
"""

import base64
import dataclasses
from typing import Any, Final
from urllib.parse import quote_plus, urlencode

import msgspec

LASTS_S: Final = 300
"""A token of which nobody says for how long it is good."""
LASTS_MOST_S: Final = 30 * 86_400
SPARE_S: Final = 30
TOKEN_CHARS_MOST: Final = 8_192


@dataclasses.dataclass(frozen=True, slots=True)
class OAuthClient:
    """What we are there, and where."""

    token_url: str
    client_id: str
    scope: str | None = None


class OAuthSecrets(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is shown where tokens come from, and the last one that came."""

    client_secret: str | None = None
    refresh_token: str | None = None
    access_token: str | None = None
    expires_at_s: int = 0

    def __repr__(self) -> str:
        return "OAuthSecrets(…)"

    def is_good(self, now_s: int) -> bool:
        return self.access_token is not None and now_s < self.expires_at_s - SPARE_S

    @property
    def spent(self) -> "OAuthSecrets":
        return msgspec.structs.replace(self, access_token=None, expires_at_s=0)


class _Answer(msgspec.Struct, frozen=True):
    access_token: str = ""
    token_type: str = ""
    expires_in: int | float | None = None
    refresh_token: str | None = None
    error: str = ""


_answer: Final = msgspec.json.Decoder(_Answer)
_secrets: Final = msgspec.json.Decoder(OAuthSecrets)
_encoder: Final = msgspec.json.Encoder()


def kept(secrets: OAuthSecrets) -> str:
    return _encoder.encode(secrets).decode()


def read(text: str) -> OAuthSecrets:
    return _secrets.decode(text)


def asked(client: OAuthClient, secrets: OAuthSecrets) -> tuple[list[tuple[str, str]], bytes]:
    """(headers, body) of the request for a token."""
    form: dict[str, Any] = {"grant_type": "client_credentials"}
    if secrets.refresh_token is not None:
        form = {"grant_type": "refresh_token", "refresh_token": secrets.refresh_token}
    if client.scope is not None:
        form["scope"] = client.scope
    headers = [("accept", "application/json"), ("content-type", "application/x-www-form-urlencoded")]
    if secrets.client_secret is None:
        form["client_id"] = client.client_id
    else:
        pair = f"{quote_plus(client.client_id)}:{quote_plus(secrets.client_secret)}"
        headers.append(("authorization", f"Basic {base64.b64encode(pair.encode()).decode()}"))
    return headers, urlencode(form).encode()


def told(status: int, body: bytes, before: OAuthSecrets, now_s: int) -> OAuthSecrets:
    """Where another refresh token comes along, the one before is worth nothing any more."""
    try:
        answer = _answer.decode(body)
    except (msgspec.DecodeError, ValueError):
        raise ValueError(f"the status is {status}, and the answer is no JSON of OAuth") from None
    if status != 200:
        raise ValueError(f"it refuses with {answer.error}" if _is_code(answer.error) else f"the status is {status}")
    if answer.token_type.lower() != "bearer":
        raise ValueError("its token is of a type that is not supported")
    if not _is_token(answer.access_token) or not (answer.refresh_token is None or _is_token(answer.refresh_token)):
        raise ValueError("its token cannot be sent")
    lasts_s = LASTS_S if answer.expires_in is None else max(0, min(int(answer.expires_in), LASTS_MOST_S))
    return msgspec.structs.replace(
        before,
        access_token=answer.access_token,
        refresh_token=answer.refresh_token or before.refresh_token,
        expires_at_s=now_s + lasts_s,
    )


def _is_code(text: str) -> bool:
    return 0 < len(text) <= 64 and text.isascii() and text.replace("_", "").isalnum()


def _is_token(text: str) -> bool:
    return 0 < len(text) <= TOKEN_CHARS_MOST and all("!" <= letter <= "~" for letter in text)
