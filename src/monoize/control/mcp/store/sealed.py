"""Where the room keeps sealed values."""

from typing import Final

from monoize.control.mcp.model.services import CREDENTIAL, OAUTH
from monoize.control.mcp.tables import mcp_services
from monoize.infra.resealing import by_id

SEALED: Final = (by_id(mcp_services, CREDENTIAL), by_id(mcp_services, OAUTH))
