"""Signing in with somebody else's account: what a provider must be able to do. `oauth.py` has the drivers."""

import dataclasses
import datetime as dt
from typing import Protocol


@dataclasses.dataclass(frozen=True, slots=True)
class ForeignIdentity:
    """Who somebody is at a provider, and the credentials it gave us for them."""

    subject: str
    kind: str
    email: str | None
    email_verified: bool
    username: str | None
    name: str | None
    image: str | None
    access_token: str | None
    refresh_token: str | None
    id_token: str | None
    scope: str | None
    expires_at: dt.datetime | None


@dataclasses.dataclass(frozen=True, slots=True)
class Handshake:
    """What we remember between sending a browser away and its return.

    `session_id` is that of somebody who is signed in, and wants to link the account.
    """

    state: str
    verifier: str
    nonce: str
    redirect_uri: str
    session_id: str | None = None


class SignInProvider(Protocol):
    title: str

    async def authorization_url(self, handshake: Handshake) -> str: ...

    async def identity(self, handshake: Handshake, code: str) -> ForeignIdentity: ...
