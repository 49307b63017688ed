"""How a WebSocket of the control plane learns who calls. A browser's cookie counts only for our own pages.

Browsers let any page open a WebSocket to anywhere, with the cookies of that place: unlike a request to read, one
with a cookie is refused unless its `Origin` is ours.
"""

from typing import Final
from urllib.parse import urlsplit

from starlette.websockets import WebSocket

from monoize.base.ids import new_id
from monoize.base.principal import Call
from monoize.control.edge.caller import presented
from monoize.control.edge.house import house_of
from monoize.control.edge.same_origin import ForeignOrigin
from monoize.infra.client_address import client_address, parse_networks

_PORTS: Final = {"http": ":80", "https": ":443"}


async def identify_socket(socket: WebSocket) -> Call:
    house = house_of(socket)
    peer = socket.client.host if socket.client else None
    socket.state.ip = client_address(peer, socket.scope["headers"], parse_networks(house.settings.trusted_proxies))
    shown = presented(socket)
    if shown.session or shown.authjs_session:
        ours = {_authority(house.settings.public_url), socket.headers.get("host")} - {None, ""}
        if _authority(socket.headers.get("origin", "")) not in ours:
            raise ForeignOrigin
    return Call(await house.authenticator.authenticate(shown), new_id(), socket.state.ip)


def _authority(address: str) -> str | None:
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    return parts.netloc.removesuffix(_PORTS.get(parts.scheme, "-")) or None
