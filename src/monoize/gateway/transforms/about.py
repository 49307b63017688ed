"""What transforms may know of a request beside the request itself. It goes nowhere unless one of them writes it."""

import msgspec

from monoize.gateway.protocol.urp import Protocol


class About(msgspec.Struct, frozen=True, kw_only=True):
    username: str
    key_id: str
    # Who asks, and who is asked.
    caller: Protocol
    upstream: Protocol
