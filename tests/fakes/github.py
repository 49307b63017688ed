"""GitHub as far as signing in needs it: authorisation, tokens with PKCE, the user and their addresses."""

import base64
import dataclasses
import hashlib
import secrets
from collections.abc import Callable
from typing import Any, Final, Self
from urllib.parse import parse_qsl, urlencode

import anyio
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
    person: Person
    challenge: str
    redirect_uri: str


class GitHub:
    """`person` is who signs in next; `claims` changes what is said about them; `misbehaviour` names a fault."""

    kind: Final = "oauth"

    def __init__(self) -> None:
        self.person = Person()
        self.claims: Callable[[dict[str, Any]], dict[str, Any]] = lambda claims: claims
        self.misbehaviour = ""
        self.more: dict[str, Any] = {}
        self.issued: list[dict[str, str]] = []
        self._codes: dict[str, Granted] = {}
        self._people: dict[str, Person] = {}
        self._server = LocalServer(
            Starlette(
                routes=[
                    Route("/login/oauth/authorize", self._authorize),
                    Route("/login/oauth/access_token", self._access_token, methods=["POST"]),
                    Route("/api/user", self._user),
                    Route("/api/user/emails", self._emails),
                ]
            )
        )
        self.url = self._server.url
        self.api_url = f"{self.url}/api"

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__()

    async def _authorize(self, request: Request) -> Response:
        asked = request.query_params
        assert (CLIENT_ID, "code", "S256") == (
            asked["client_id"],
            asked["response_type"],
            asked["code_challenge_method"],
        )
        assert {"read:user", "user:email"} <= set(asked["scope"].split())
        if self.misbehaviour == "denied":
            back = {"error": "access_denied", "state": asked["state"]}
        else:
            code = secrets.token_hex(10)
            person = dataclasses.replace(self.person)
            self._codes[code] = Granted(person, asked["code_challenge"], asked["redirect_uri"])
            back = {"code": code, "state": asked["state"]}
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(back)}", 302)

    async def _access_token(self, request: Request) -> Response:
        match self.misbehaviour:
            case "slow":
                await anyio.sleep(SLOW_S)
            case "token_endpoint_away":
                return Response(status_code=503)
            case "token_endpoint_is_not_json":
                return PlainTextResponse("<html>")
            case "token_endpoint_sends_a_list":
                return JSONResponse(["access_token"])
        form = dict(parse_qsl((await request.body()).decode()))
        granted = self._codes.pop(form["code"], None)
        if (
            granted is None
            or self.misbehaviour == "token_endpoint_refuses"
            or not _may_have(granted, request, form)
        ):
            # GitHub reports errors with status 200.
            return JSONResponse({"error": "bad_verification_code", "error_description": "It is wrong or expired."})
        token = f"gho_{secrets.token_hex(18)}"
        self._people[token] = granted.person
        answer = {"access_token": token, "token_type": "bearer", "scope": "read:user,user:email", **self.more}
        self.issued.append(answer)
        return JSONResponse(answer)

    async def _user(self, request: Request) -> Response:
        person = self._person(request)
        if person is None or self.misbehaviour == "user_away":
            return JSONResponse({"message": "Bad credentials"}, 401)
        about = {
            "id": int(person.subject),
            "login": person.username,
            "name": person.name,
            "avatar_url": person.image,
        }
        return JSONResponse(self.claims(about))

    async def _emails(self, request: Request) -> Response:
        person = self._person(request)
        if person is None or self.misbehaviour == "emails_away":
            return JSONResponse({"message": "Not Found"}, 404)
        listed: list[dict[str, Any]] = [
            {"email": "old@example.com", "primary": False, "verified": True, "visibility": None}
        ]
        if person.email is not None:
            listed.append(
                {"email": person.email, "primary": True, "verified": person.email_verified, "visibility": "public"}
            )
        if self.misbehaviour == "emails_are_an_object":
            return JSONResponse({"emails": listed})
        return JSONResponse([{**entry, **self.claims({"email": entry["email"]})} for entry in listed])

    def _person(self, request: Request) -> Person | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return self._people.get(token) if scheme.lower() in ("bearer", "token") else None


def _may_have(granted: Granted, request: Request, form: Any) -> bool:
    client = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
    in_form = form.get("client_id") == CLIENT_ID and form.get("client_secret") == CLIENT_SECRET
    digest = hashlib.sha256(str(form.get("code_verifier", "")).encode()).digest()
    return (
        (in_form or request.headers.get("authorization") == f"Basic {client}")
        and base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == granted.challenge
        and form["redirect_uri"] == granted.redirect_uri
    )
