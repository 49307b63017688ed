"""What can go wrong between us and an upstream: one exception, told apart by its kind.

Nothing else comes out of the client, except CancelledError and, for a request that must not be sent, ValueError.
"""

from typing import Literal

Kind = Literal[
    "connect",
    "timeout_connect",
    "timeout_first_byte",
    "timeout_idle",
    "timeout_total",
    "truncated",
    "malformed",
    "too_large",
]


class UpstreamProblem(Exception):
    """`was_sent`: the server may have acted on the request. In doubt it is true."""

    def __init__(self, kind: Kind, detail: str, *, was_sent: bool) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind: Kind = kind
        self.detail = detail
        self.was_sent = was_sent


class Truncated(UpstreamProblem):
    """The connection ended before the answer did."""

    def __init__(self, detail: str) -> None:
        super().__init__("truncated", detail, was_sent=True)


class Stale(Truncated):
    """The server had closed the connection before our request arrived. The client tries again; nobody sees it."""


class TooLarge(UpstreamProblem):
    """The head of an answer is larger than any should be."""

    def __init__(self, detail: str) -> None:
        super().__init__("too_large", detail, was_sent=True)


class BodyTooLarge(TooLarge):
    """The body of an answer is larger than its reader allows."""


class Malformed(UpstreamProblem):
    """The answer is not HTTP/1.1 by the letter. It is never repaired: two readers would read it differently."""

    def __init__(self, detail: str) -> None:
        super().__init__("malformed", detail, was_sent=True)
