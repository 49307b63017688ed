"""What identity keeps running between requests: hashing threads, caches, the ways out to mail and providers."""

import dataclasses
from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import HTTPConnection, Request

from monoize.control.edge.house import House
from monoize.control.identity.authenticator import FailureLimiter, IdentityAuthenticator
from monoize.control.identity.drivers.mail import Mailer
from monoize.control.identity.drivers.sign_in_provider import SignInProvider
from monoize.control.identity.passwords import Passwords
from monoize.infra.counters import Counters
from monoize.infra.db import Database, Tx
from monoize.infra.settings import OAuthProvider, Settings


@dataclasses.dataclass(frozen=True, slots=True)
class Identity:
    passwords: Passwords
    limiter: FailureLimiter
    authenticator: IdentityAuthenticator
    mailer: Mailer
    providers: Mapping[str, SignInProvider]
    keeps_users: list[Callable[[Tx, str], Awaitable[None]]] = dataclasses.field(default_factory=list)
    """Asked before a user is deleted, of whom they raise a Refusal that other rooms cannot let go yet."""


def make_identity(settings: Settings, database: Database, counters: Counters) -> Identity:
    passwords, limiter = Passwords(), FailureLimiter(counters)
    return Identity(
        passwords=passwords,
        limiter=limiter,
        authenticator=IdentityAuthenticator(database, passwords, limiter),
        mailer=Mailer(settings.smtp_url, settings.mail_from),
        providers={name: _provider(name, config) for name, config in settings.oauth.items()},
    )


def _provider(name: str, config: OAuthProvider) -> SignInProvider:
    # Loading the OAuth client takes a third of a second, which a house without such providers need not pay.
    from monoize.control.identity.drivers.oauth import GitHubProvider, OpenIdProvider

    if name == "github":
        return GitHubProvider(config.title or "GitHub", config)
    if name == "google":
        issuer = config.issuer or "https://accounts.google.com"
        return OpenIdProvider(config.title or "Google", issuer, config)
    return OpenIdProvider(config.title or name, config.issuer, config)


def identity_of(connection: HTTPConnection) -> Identity:
    identity: Identity = connection.app.state.identity
    return identity


def public_address(request: Request, house: House) -> str:
    """Where people reach us, for links that leave the house: as configured, else as this request came."""
    return house.settings.public_url.rstrip("/") or str(request.base_url).rstrip("/")
