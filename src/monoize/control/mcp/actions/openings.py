"""What opens a server: the credential that somebody gave, or a token of OAuth, which is asked for when needed.

A token is kept sealed beside what it was asked for with, so that all processes use the same one. Who has renewed it
first has won: the others read theirs.
"""

import asyncio
import dataclasses

from monoize.base.clock import utc_now
from monoize.base.errors import Refusal
from monoize.control.edge.outside import Outside
from monoize.control.mcp.drivers import token_endpoint
from monoize.control.mcp.drivers.server import Server
from monoize.control.mcp.model import oauth
from monoize.control.mcp.model.oauth import OAuthClient, OAuthSecrets
from monoize.control.mcp.model.services import McpService, credential_place, oauth_place
from monoize.control.mcp.store import services
from monoize.infra.db import Database
from monoize.infra.sealed import Seal


class Openings:
    def __init__(self, database: Database, seal: Seal, outside: Outside) -> None:
        self._database = database
        self._seal = seal
        self._outside = outside
        self._asking: dict[str, asyncio.Lock] = {}

    async def server_of(self, service: McpService) -> Server:
        """With what opens it. McpUnreachable or McpTimeout where no token can be had."""
        server = Server(service.url, service.credential_header, None, private=service.private_network)
        if service.oauth is not None:
            token = await self._token(service, service.oauth, refused=None)
            return dataclasses.replace(server, credential_header="authorization", credential=token)
        async with self._database.read() as tx:
            sealed = await services.sealed_credential(tx, service.id)
        opened = None if sealed is None else self._seal.open(sealed, *credential_place(service.id))
        return dataclasses.replace(server, credential=opened)

    async def anew(self, service: McpService, server: Server) -> Server | None:
        """With another token, after it was refused; None where there is none to be had, since it is no OAuth."""
        if service.oauth is None:
            return None
        token = await self._token(service, service.oauth, refused=server.credential)
        return dataclasses.replace(server, credential=token)

    async def _token(self, service: McpService, client: OAuthClient, *, refused: str | None) -> str | None:
        _, secrets = await self._kept(service.id)
        if _is_usable(secrets, refused):
            return secrets.access_token
        async with self._asking.setdefault(service.id, asyncio.Lock()):
            sealed, secrets = await self._kept(service.id)
            if not _is_usable(secrets, refused):
                secrets = await self._asked(service, client, sealed, secrets)
        return secrets.access_token

    async def _asked(
        self, service: McpService, client: OAuthClient, sealed: str, secrets: OAuthSecrets
    ) -> OAuthSecrets:
        try:
            new = await token_endpoint.ask(self._outside, client, secrets.spent, private=service.private_network)
        except Refusal:
            # A refresh token is good for one process only, where each use brings another one.
            now_sealed, others = await self._kept(service.id)
            if now_sealed != sealed and others.is_good(_now_s()):
                return others
            raise
        async with self._database.write() as tx:
            text = self._seal.seal(oauth.kept(new), *oauth_place(service.id))
            await services.renew(tx, service.id, before=sealed, after=text)
        return new

    async def _kept(self, service_id: str) -> tuple[str, OAuthSecrets]:
        async with self._database.read() as tx:
            sealed = await services.sealed_oauth(tx, service_id)
        if sealed is None:
            return "", OAuthSecrets()
        return sealed, oauth.read(self._seal.open(sealed, *oauth_place(service_id)))


def _is_usable(secrets: OAuthSecrets, refused: str | None) -> bool:
    return secrets.is_good(_now_s()) and secrets.access_token != refused


def _now_s() -> int:
    return int(utc_now().timestamp())
