"""`monoize serve`: all of Monoize in one process, from its first line to its last.

Settings, then the port, then the house: what can fail fails before anything is changed.
"""

import asyncio
import socket

import uvloop
from starlette.datastructures import State

from monoize import __version__
from monoize.control.edge.house import House
from monoize.control.identity.actions import first_account
from monoize.control.identity.services import Identity
from monoize.infra import log
from monoize.infra.settings import Settings
from monoize.main.application import Door, open_all
from monoize.main.egress import egress_beside
from monoize.main.listening import Say, Server, address_of, listening, listens_at


def serve(settings: Settings, say: Say) -> None:
    """Listen until SIGTERM or SIGINT, then let open requests finish and close everything."""
    log.configure(settings.log_level, settings.log_format)
    with listening(settings) as listener:
        uvloop.run(_serve(settings, listener, say))
    say("Monoize has stopped.")


async def _serve(settings: Settings, listener: socket.socket, say: Say) -> None:
    door = Door()
    server = Server(door, settings, stops=lambda: _end_streams(door.state))
    server.obey_signals()
    try:
        async with open_all(settings, address_of(settings, listener), listens_at(listener)) as state:
            await _welcome(state, settings, listener, say)
            door.open(settings, state)
            async with egress_beside(settings, listener, state.house, state.egress) as egress:
                server.before_closing(egress.stop)
                await server.serve(sockets=[listener])
    except asyncio.CancelledError:
        if not server.should_exit:
            raise


def _end_streams(state: State) -> None:
    """What would go on for as long as anybody listens."""
    rooms = (state.ledger.live, state.compute, state.projects, state.mcp)
    for room in rooms:
        room.audience.close()
    state.wall.close()


async def _welcome(state: State, settings: Settings, listener: socket.socket, say: Say) -> None:
    house: House = state.house
    identity: Identity = state.identity
    address = address_of(settings, listener)
    if settings.admin_token:
        adopted = await first_account.adopt_admin_token(
            house.database, house.audit_log, identity.passwords, settings.admin_token
        )
        if adopted:
            say("The token in MONOIZE_ADMIN_TOKEN is now the named token `admin`.")
    say(f"Monoize {__version__} is ready at {address}")
    link = await first_account.offer_link(house.database)
    if link:
        say(f"Make the first account within 24 hours:\n\n    {address}/setup?link={link}\n")
