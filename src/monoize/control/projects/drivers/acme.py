"""A certificate authority that speaks ACME: an account, an order, its proof, and the chain that comes of it.

`acme` speaks to it, with blocking calls that each have a limit; so each is made in a thread of its own, and whoever
waits between them can be cancelled. Used by the issuer. Fails with `AcmeTrouble`, whose words are the authority's.
"""

import asyncio
import dataclasses
import datetime as dt
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import requests
from acme import challenges, client, crypto_util, errors, messages
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from josepy.b64 import b64encode
from josepy.errors import Error as JoseError
from josepy.jwa import ES256
from josepy.jwk import JWK, JWKEC

CALL_S: Final = 20
ORDER_S: Final = 120
ASKED_AGAIN: Final = dt.timedelta(hours=6)
_POLL_S: Final = 0.5
_SAID_CHARS_MOST: Final = 1_000
_AGENT: Final = "monoize"

Result = TypeVar("Result")


class AcmeTrouble(Exception):
    """The authority did not issue a certificate."""


@dataclasses.dataclass(frozen=True, slots=True)
class Account:
    """Who we are to an authority; without a `uri` it has not been told yet."""

    key_pem: str = dataclasses.field(repr=False)
    uri: str | None


@dataclasses.dataclass(frozen=True, slots=True)
class Issued:
    chain_pem: str
    key_pem: str = dataclasses.field(repr=False)


class Proof(Protocol):
    """Shows an authority that a domain is ours, and takes the proof away again."""

    kind: type[challenges.KeyAuthorizationChallenge]

    async def show(self, domain: str, validation: str) -> None: ...

    async def withdraw(self, domain: str, validation: str) -> None: ...


def new_key() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def thumbprint(key_pem: str) -> str:
    """What stands behind a token in every answer to an authority; public, unlike the key."""
    return b64encode(_jwk(key_pem).thumbprint()).decode()


class Authority:
    def __init__(self, directory_url: str, ca_file: Path | None, email: str) -> None:
        self.directory_url = directory_url
        self._ca_file = ca_file
        self._email = email

    async def register(self, account: Account) -> str:
        """The account's address there; the same again for a key that is known."""
        return await _blocking(self._register, account)

    async def issue(self, account: Account, domain: str, proof: Proof) -> Issued:
        assert account.uri is not None
        until = time.monotonic() + ORDER_S
        speaking = await _blocking(self._client, account)
        key = await asyncio.to_thread(new_key)
        csr = await asyncio.to_thread(crypto_util.make_csr, key.encode(), [domain])
        order = await _blocking(speaking.new_order, csr)
        for authorization in order.authorizations:
            if authorization.body.status != messages.STATUS_VALID:
                await self._prove(speaking, account, authorization, proof, until)
        order = await _blocking(speaking.begin_finalization, order)
        while True:
            try:
                # One look each time: it sleeps for a second by itself.
                soon = dt.datetime.now() + dt.timedelta(seconds=_POLL_S)  # noqa: DTZ005 - it compares with its own
                done = await _blocking(speaking.poll_finalization, order, soon)
            except _NotYet:
                _check(until)
            else:
                return Issued(done.fullchain_pem, key)

    async def renewal(self, chain_pem: str) -> tuple[dt.datetime | None, dt.datetime]:
        """When it wants this certificate renewed, if it says, and when to ask again."""
        try:
            wanted, again = await _blocking(self._renewal, chain_pem.encode())
        except AcmeTrouble:
            return None, dt.datetime.now(dt.UTC) + ASKED_AGAIN
        # The library tells the time of this machine's zone without saying so.
        return wanted, again.astimezone(dt.UTC)

    async def _prove(
        self, speaking: client.ClientV2, account: Account, authorization: Any, proof: Proof, until: float
    ) -> None:
        domain = authorization.body.identifier.value
        offered = next((one for one in authorization.body.challenges if isinstance(one.chall, proof.kind)), None)
        if offered is None:
            raise AcmeTrouble(f"it does not offer {proof.kind.typ} for {domain}")
        response, validation = offered.response_and_validation(_jwk(account.key_pem))
        await proof.show(domain, validation)
        try:
            await _blocking(speaking.answer_challenge, offered, response)
            while True:
                authorization, _ = await _blocking(speaking.poll, authorization)
                if authorization.body.status == messages.STATUS_VALID:
                    return
                if authorization.body.status != messages.STATUS_PENDING:
                    raise AcmeTrouble(_refusal(authorization.body))
                _check(until)
                await asyncio.sleep(_POLL_S)
        finally:
            await proof.withdraw(domain, validation)

    def _renewal(self, chain_pem: bytes) -> tuple[dt.datetime | None, dt.datetime]:
        # Nobody has to say who they are to ask.
        return self._client(Account(new_key(), None)).renewal_time(chain_pem)

    def _register(self, account: Account) -> str:
        speaking = self._client(account)
        new = messages.NewRegistration.from_data(email=self._email or None, terms_of_service_agreed=True)
        try:
            return str(speaking.new_account(new).uri)
        except errors.ConflictError as known:
            return str(known.location)

    def _client(self, account: Account) -> client.ClientV2:
        known = None
        if account.uri:
            known = messages.RegistrationResource(uri=account.uri, body=messages.Registration())
        verify: Any = str(self._ca_file) if self._ca_file else True
        net = client.ClientNetwork(
            _jwk(account.key_pem), known, ES256, verify_ssl=verify, user_agent=_AGENT, timeout=CALL_S
        )
        return client.ClientV2(client.ClientV2.get_directory(self.directory_url, net), net)


class _NotYet(Exception):
    """The order is still worked on."""


async def _blocking(call: Callable[..., Result], *arguments: Any) -> Result:
    try:
        return await asyncio.to_thread(call, *arguments)
    except errors.TimeoutError as problem:
        raise _NotYet from problem
    except requests.RequestException as problem:
        raise AcmeTrouble("the authority does not answer") from problem
    except (errors.Error, messages.Error, JoseError, ValueError, KeyError) as problem:
        raise AcmeTrouble(str(problem)[:_SAID_CHARS_MOST]) from problem


def _check(until: float) -> None:
    if time.monotonic() > until:
        raise AcmeTrouble(f"it was not issued within {ORDER_S} s")


def _refusal(body: Any) -> str:
    said = [str(challenge.error) for challenge in body.challenges if challenge.error is not None]
    return "; ".join(said)[:_SAID_CHARS_MOST] or "it did not accept the proof"


def _jwk(key_pem: str) -> JWK:
    return JWKEC.load(key_pem.encode())
