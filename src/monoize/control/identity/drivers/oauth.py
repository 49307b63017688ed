"""The two drivers of `SignInProvider`: OAuth 2 with PKCE at GitHub, and at any OpenID Connect provider.

A driver trusts only what the provider signed (OpenID Connect) or answered itself over TLS (GitHub), and reports
whether the provider vouches for the e-mail address.
"""

import datetime as dt
import time
from collections.abc import Mapping
from typing import Any, Final

import httpx2
import structlog
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from monoize.base.clock import utc_now
from monoize.control.edge.wire import storable
from monoize.control.identity.drivers.sign_in_provider import ForeignIdentity, Handshake
from monoize.control.identity.errors import SignInFailed
from monoize.infra.settings import OAuthProvider
from monoize.infra.tls import authorities

log = structlog.get_logger(__name__)

TIMEOUT_S: Final = 10
_DISCOVERY_TTL_S: Final = 3600
_CLOCK_LEEWAY_S: Final = 60
_ANSWER_BYTES_MOST: Final = 1_048_576
_LIFETIME_MOST_S: Final = 366 * 24 * 3600
# What the columns take that keep it.
_SUBJECT_CHARS_MOST: Final = 191
_EMAIL_CHARS_MOST: Final = 254
_SCOPE_CHARS_MOST: Final = 1024
_TEXT_CHARS_MOST: Final = 2048
_ENDPOINTS: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")
# Only signatures that a public key verifies: `none` and shared secrets are how such checks get fooled.
_SIGNATURES: Final = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"]


class OpenIdProvider:
    def __init__(self, title: str, issuer: str, config: OAuthProvider) -> None:
        self.title = title
        self._issuer = issuer.rstrip("/")
        self._config = config
        self._found: tuple[float, Mapping[str, Any]] | None = None

    async def authorization_url(self, handshake: Handshake) -> str:
        about = await self._discovered()
        async with self._client(handshake.redirect_uri) as client:
            url, _ = client.create_authorization_url(
                about["authorization_endpoint"],
                state=handshake.state,
                nonce=handshake.nonce,
                code_challenge=create_s256_code_challenge(handshake.verifier),
                code_challenge_method="S256",
            )
        return str(url)

    async def identity(self, handshake: Handshake, code: str) -> ForeignIdentity:
        about = await self._discovered()
        async with self._client(handshake.redirect_uri) as client, _Translated(self.title):
            granted = await client.fetch_token(
                about["token_endpoint"],
                code=code,
                code_verifier=handshake.verifier,
                redirect_uri=handshake.redirect_uri,
            )
            found = await client.request("GET", about["jwks_uri"], withhold_token=True)
            keys = KeySet.import_key_set(_json(found))
            token = jwt.decode(granted["id_token"], keys, algorithms=_SIGNATURES)
            jwt.JWTClaimsRegistry(
                leeway=_CLOCK_LEEWAY_S,
                iss={"essential": True, "value": about["issuer"]},
                aud={"essential": True, "value": self._config.client_id},
                nonce={"essential": True, "value": handshake.nonce},
                exp={"essential": True},
                sub={"essential": True},
            ).validate(token.claims)
            subject = _text(token.claims["sub"], _SUBJECT_CHARS_MOST)
            if subject is None:
                raise ValueError("the provider names nobody")
        claims = token.claims
        return ForeignIdentity(
            subject=subject,
            kind="oidc",
            email=_text(claims.get("email"), _EMAIL_CHARS_MOST),
            email_verified=claims.get("email_verified") is True,
            username=_text(claims.get("preferred_username"), _TEXT_CHARS_MOST),
            name=_text(claims.get("name"), _TEXT_CHARS_MOST),
            image=_text(claims.get("picture"), _TEXT_CHARS_MOST),
            **_credentials(granted),
        )

    def _client(self, redirect_uri: str) -> AsyncOAuth2Client:
        scopes = self._config.scopes or ("openid", "profile", "email")
        return _client(self._config, scopes, redirect_uri)

    async def _discovered(self) -> Mapping[str, Any]:
        if self._found is None or self._found[0] < time.monotonic():
            async with (
                _Translated(self.title),
                httpx2.AsyncClient(timeout=TIMEOUT_S, verify=authorities()) as client,
            ):
                about = _json(await client.get(f"{self._issuer}/.well-known/openid-configuration"))
                if str(about["issuer"]).rstrip("/") != self._issuer:
                    raise ValueError("the provider names another issuer")
                if not all(str(about[endpoint]).startswith(("https://", "http://")) for endpoint in _ENDPOINTS):
                    raise ValueError("the provider has no addresses")
            self._found = time.monotonic() + _DISCOVERY_TTL_S, about
        return self._found[1]


class GitHubProvider:
    def __init__(self, title: str, config: OAuthProvider) -> None:
        self.title = title
        self._config = config
        self._web = (config.base_url or "https://github.com").rstrip("/")
        self._api = (config.api_url or "https://api.github.com").rstrip("/")

    async def authorization_url(self, handshake: Handshake) -> str:
        async with self._client(handshake.redirect_uri) as client:
            url, _ = client.create_authorization_url(
                f"{self._web}/login/oauth/authorize",
                state=handshake.state,
                code_challenge=create_s256_code_challenge(handshake.verifier),
                code_challenge_method="S256",
            )
        return str(url)

    async def identity(self, handshake: Handshake, code: str) -> ForeignIdentity:
        async with self._client(handshake.redirect_uri) as client, _Translated(self.title):
            granted = await client.fetch_token(
                f"{self._web}/login/oauth/access_token",
                code=code,
                code_verifier=handshake.verifier,
                redirect_uri=handshake.redirect_uri,
            )
            person = _json(await client.get(f"{self._api}/user"))
            addresses = _json(await client.get(f"{self._api}/user/emails"))
            primary = [a["email"] for a in addresses if a["primary"] is True and a["verified"] is True]
            subject = str(int(person["id"]))
        email = _text(primary[0], _EMAIL_CHARS_MOST) if primary else None
        return ForeignIdentity(
            subject=subject,
            kind="oauth",
            email=email,
            email_verified=email is not None,
            username=_text(person.get("login"), _TEXT_CHARS_MOST),
            name=_text(person.get("name"), _TEXT_CHARS_MOST),
            image=_text(person.get("avatar_url"), _TEXT_CHARS_MOST),
            **_credentials(granted),
        )

    def _client(self, redirect_uri: str) -> AsyncOAuth2Client:
        return _client(self._config, self._config.scopes or ("read:user", "user:email"), redirect_uri)


def _client(config: OAuthProvider, scopes: tuple[str, ...], redirect_uri: str) -> AsyncOAuth2Client:
    return AsyncOAuth2Client(
        config.client_id,
        config.client_secret,
        scope=" ".join(scopes),
        redirect_uri=redirect_uri,
        timeout=TIMEOUT_S,
        verify=authorities(),
        headers={"accept": "application/json"},
    )


def _json(response: httpx2.Response) -> Any:
    response.raise_for_status()
    if len(response.content) > _ANSWER_BYTES_MOST:
        raise ValueError("the provider's answer is too large")
    return response.json()


def _credentials(granted: Mapping[str, Any]) -> dict[str, Any]:
    secrets = ("access_token", "refresh_token", "id_token")
    return {
        **{name: _text(granted.get(name), _ANSWER_BYTES_MOST) for name in secrets},
        "scope": _text(granted.get("scope"), _SCOPE_CHARS_MOST),
        "expires_at": _end_of(granted.get("expires_in")),
    }


def _end_of(lifetime_s: object) -> dt.datetime | None:
    """When what lives that long ends, if that is said so that it can be believed."""
    if not isinstance(lifetime_s, int) or not 0 < lifetime_s <= _LIFETIME_MOST_S:
        return None
    return utc_now() + dt.timedelta(seconds=lifetime_s)


def _text(said: object, chars_most: int) -> str | None:
    """What a provider says, if it is a text that we can keep."""
    if not isinstance(said, str) or not 0 < len(said) <= chars_most:
        return None
    try:
        return storable(said)
    except ValueError:
        return None


class _Translated:
    """Whatever goes wrong at a provider is one refusal for the visitor and one line for the operator."""

    def __init__(self, title: str) -> None:
        self._title = title

    async def __aenter__(self) -> None: ...

    async def __aexit__(self, _kind: object, problem: BaseException | None, _trace: object) -> None:
        if isinstance(problem, httpx2.HTTPError | AuthlibBaseError | JoseError | KeyError | ValueError | TypeError):
            log.warning("sign_in_failed", provider=self._title, problem=f"{type(problem).__name__}: {problem}")
            raise SignInFailed from problem
