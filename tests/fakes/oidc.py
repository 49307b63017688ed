"""An OpenID Connect provider: discovery, authorisation, tokens with PKCE, keys. It can be told to misbehave."""

import base64
import dataclasses
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable
from typing import Any, Final, Self
from urllib.parse import parse_qsl, urlencode

import anyio
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from fakes.person import Person
from fakes.server import LocalServer

CLIENT_ID: Final = "monoize"
CLIENT_SECRET: Final = "the secret of the client"
SLOW_S: Final = 30


@dataclasses.dataclass(frozen=True)
class Granted:
    """What a code stands for until it is used."""

    person: Person
    nonce: str
    challenge: str
    redirect_uri: str


class OidcProvider:
    """`person` is who signs in next; `claims` changes what is signed about them; `misbehaviour` names a fault.

    `more` is added to what the token endpoint answers.
    """

    kind: Final = "oidc"

    def __init__(self) -> None:
        self.person = Person()
        self.claims: Callable[[dict[str, Any]], dict[str, Any]] = lambda claims: claims
        self.misbehaviour = ""
        self.more: dict[str, Any] = {}
        self.issued: list[dict[str, str]] = []
        self._key = RSAKey.generate_key(2048, {"kid": "now"})
        self._strangers_key = RSAKey.generate_key(2048, {"kid": "now"})
        self._codes: dict[str, Granted] = {}
        self._server = LocalServer(
            Starlette(
                routes=[
                    Route("/.well-known/openid-configuration", self._discovery),
                    Route("/authorize", self._authorize),
                    Route("/token", self._token, methods=["POST"]),
                    Route("/jwks", self._jwks),
                ]
            )
        )
        self.url = self._server.url

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__()

    async def _discovery(self, _request: Request) -> Response:
        about: dict[str, Any] = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }
        match self.misbehaviour:
            case "discovery_away":
                return Response(status_code=500)
            case "discovery_of_another_issuer":
                return JSONResponse({**about, "issuer": "https://issuer.example.com"})
            case "discovery_without_endpoints":
                return JSONResponse({"issuer": self.url})
            case "discovery_is_a_list":
                return JSONResponse([about])
            case "discovery_of_numbers":
                return JSONResponse(dict.fromkeys(about, 1) | {"issuer": self.url})
            case "discovery_is_not_json":
                return PlainTextResponse("<html>")
        return JSONResponse(about)

    async def _authorize(self, request: Request) -> Response:
        asked = request.query_params
        assert (CLIENT_ID, "code", "S256") == (
            asked["client_id"],
            asked["response_type"],
            asked["code_challenge_method"],
        )
        assert "openid" in asked["scope"].split()
        if self.misbehaviour == "denied":
            back = {"error": "access_denied", "state": asked["state"]}
        else:
            code = secrets.token_urlsafe()
            self._codes[code] = Granted(
                dataclasses.replace(self.person), asked["nonce"], asked["code_challenge"], asked["redirect_uri"]
            )
            back = {"code": code, "state": asked["state"]}
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(back)}", 302)

    async def _token(self, request: Request) -> Response:
        match self.misbehaviour:
            case "slow":
                await anyio.sleep(SLOW_S)
            case "token_endpoint_away":
                return Response(status_code=503)
            case "token_endpoint_refuses":
                return JSONResponse({"error": "invalid_client", "error_description": "who are you?"}, 401)
            case "token_endpoint_is_not_json":
                return PlainTextResponse("<html>")
            case "token_endpoint_sends_a_list":
                return JSONResponse(["id_token"])
        form = dict(parse_qsl((await request.body()).decode()))
        granted = self._codes.pop(form["code"], None)
        if granted is None or not _may_have(granted, request, form):
            return JSONResponse({"error": "invalid_grant"}, 400)
        answer: dict[str, Any] = {
            "access_token": secrets.token_urlsafe(),
            "refresh_token": secrets.token_urlsafe(),
            "token_type": "Bearer",
            "expires_in": 3600,
            "scope": "openid profile email",
            "id_token": self._signed(self._claims_of(granted)),
            **self.more,
        }
        if self.misbehaviour == "no_id_token":
            del answer["id_token"]
        self.issued.append(answer)
        return JSONResponse(answer)

    def _claims_of(self, granted: Granted) -> dict[str, Any]:
        now, person = int(time.time()), granted.person
        claims = {
            "iss": self.url,
            "sub": person.subject,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            "nonce": granted.nonce,
            "email": person.email,
            "email_verified": person.email_verified,
            "preferred_username": person.username,
            "name": person.name,
            "picture": person.image,
        }
        return self.claims({name: value for name, value in claims.items() if value is not None})

    def _signed(self, claims: dict[str, Any]) -> str:
        match self.misbehaviour:
            case "unsigned":
                return _assembled({"alg": "none"}, claims, lambda _: b"")
            case "signed_with_the_public_key_as_a_shared_secret":
                public = self._key.as_pem(private=False)
                return _assembled(
                    {"alg": "HS256", "kid": "now"}, claims, lambda data: hmac.digest(public, data, hashlib.sha256)
                )
            case "signed_by_a_stranger":
                return jwt.encode({"alg": "RS256", "kid": "now"}, claims, self._strangers_key)
            case "not_a_token":
                return "not.a.token"
        return jwt.encode({"alg": "RS256", "kid": "now"}, claims, self._key)

    async def _jwks(self, _request: Request) -> Response:
        match self.misbehaviour:
            case "no_keys":
                return JSONResponse({"keys": []})
            case "keys_away":
                return Response(status_code=500)
        return JSONResponse({"keys": [self._key.as_dict(private=False)]})


def _may_have(granted: Granted, request: Request, form: dict[str, str]) -> bool:
    """Whether who asks is our client, and the very one that began."""
    client = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
    challenge = _urlsafe(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
    return (
        request.headers.get("authorization") == f"Basic {client}"
        and form["grant_type"] == "authorization_code"
        and form["redirect_uri"] == granted.redirect_uri
        and challenge == granted.challenge
    )


def _assembled(header: dict[str, Any], claims: dict[str, Any], sign: Callable[[bytes], bytes]) -> str:
    signed = ".".join(_urlsafe(json.dumps(part).encode()) for part in (header, claims))
    return f"{signed}.{_urlsafe(sign(signed.encode()))}"


def _urlsafe(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
