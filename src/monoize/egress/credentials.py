"""What an agent shows: `Proxy-Authorization: Basic base64(agent id:token)`. Pure.

Only the digest of the token goes further. What cannot be an agent's credential is None, however it is wrong.
"""

import base64
import hashlib
import re
from typing import Final

from monoize.contract.egress import EgressAsked

CREDENTIAL_BYTES_MOST: Final = 512
_PAIR: Final = re.compile(r"([0-9A-Za-z-]{1,64}):([!-~]{1,256})")


def shown(authorization: bytes | None) -> EgressAsked | None:
    if authorization is None or len(authorization) > CREDENTIAL_BYTES_MOST:
        return None
    scheme, _, encoded = authorization.partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        pair = _PAIR.fullmatch(base64.b64decode(encoded.strip(), validate=True).decode("ascii"))
    except ValueError:
        return None
    if pair is None:
        return None
    return EgressAsked(pair[1], hashlib.sha256(pair[2].encode()).hexdigest())
