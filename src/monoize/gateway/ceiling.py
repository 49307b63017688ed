"""How dear a channel one request may use at most: what it says itself can only lower what its key says."""

from typing import Final

import msgspec

from monoize.base.money import Multiplier
from monoize.contract.grant import Grant
from monoize.gateway.errors import MalformedRequest
from monoize.gateway.exchange import Exchange
from monoize.gateway.protocol.urp import Json

MEMBER: Final = "max_multiplier"
"""Of a body, before which the header does not count. It is for us alone, and not sent on."""
HEADER: Final = b"x-max-multiplier"


def lowered(grant: Grant, exchange: Exchange, body: Json) -> Grant:
    asked = body.get(MEMBER)
    if asked is None:
        asked = exchange.header(HEADER)
    if asked is None:
        return grant
    most = _billionths(asked)
    if grant.multiplier_most is not None and grant.multiplier_most <= most:
        return grant
    return msgspec.structs.replace(grant, multiplier_most=most)


def _billionths(asked: object) -> int:
    try:
        if isinstance(asked, str):
            return Multiplier.of_text(asked).billionths
    except ValueError:
        pass
    raise MalformedRequest("max_multiplier is decimal text, such as 1 or 1.25.", param=MEMBER)
