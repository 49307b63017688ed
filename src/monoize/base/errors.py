"""Every way in which Monoize refuses: few kinds, many codes.

A kind says who is at fault, and so which status of HTTP it has. A code is stable, documented in docs/errors.md, and
its docstring is the default message. Raise the narrowest class.

    Refusal
    ├── BadRequest        the request cannot be read
    ├── Invalid           it can be read, but a value is not acceptable
    ├── Unauthenticated   we do not know who is calling
    ├── PaymentRequired   we know, and there is not enough money
    ├── Forbidden         we know, and the answer is no
    ├── NotFound          not there, or not yours to see
    ├── Conflict          it disagrees with the present state
    ├── Gone              it was there once and can only be used once
    ├── TooLarge          above a named bound
    ├── TooMany           above a rate
    └── Unavailable       our fault or a neighbour's: try again later
"""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar


class Refusal(Exception):
    """The request was refused."""

    code: ClassVar[str] = "refused"
    status: ClassVar[int] = 400
    hint: ClassVar[str | None] = None

    def __init__(self, message: str | None = None, *, hint: str | None = None, **details: Any) -> None:
        self.message = message or (type(self).__doc__ or "").strip()
        self.cure = hint or type(self).hint
        self.details: Mapping[str, Any] = details
        super().__init__(self.message)


class BadRequest(Refusal):
    """The request cannot be read."""

    code = "bad_request"
    status = 400


class Invalid(Refusal):
    """A value is not acceptable."""

    code = "invalid_value"
    status = 422


class Unauthenticated(Refusal):
    """Nobody is signed in."""

    code = "unauthenticated"
    status = 401


class PaymentRequired(Refusal):
    """There is not enough money for this."""

    code = "payment_required"
    status = 402


class Forbidden(Refusal):
    """This is not allowed for you."""

    code = "forbidden"
    status = 403


class NotFound(Refusal):
    """There is nothing here."""

    code = "not_found"
    status = 404


class Conflict(Refusal):
    """This disagrees with the present state."""

    code = "conflict"
    status = 409


class Gone(Refusal):
    """This could be used only once."""

    code = "gone"
    status = 410


class TooLarge(Refusal):
    """The request is larger than allowed."""

    code = "too_large"
    status = 413


class RequestTooLarge(TooLarge):
    """This request is larger than it may be."""

    code = "request_too_large"
    hint = "Send less, or upload files to their provider and refer to them."


class TooMany(Refusal):
    """Too many requests."""

    code = "too_many"
    status = 429

    def __init__(
        self, message: str | None = None, *, retry_after_s: int, hint: str | None = None, **details: Any
    ) -> None:
        super().__init__(message, hint=hint, retry_after_s=retry_after_s, **details)
        self.retry_after_s = retry_after_s


class UsageLimitExceeded(Forbidden):
    """The month's plan and the budget for overage are used up."""

    code = "usage_limit_exceeded"
    hint = "Raise the budget with `monoize overage set`, or see to it that the account has money."


class Unavailable(Refusal):
    """Something that is needed is away. Try again later."""

    code = "unavailable"
    status = 503


class StartupProblem(Exception):
    """Monoize cannot start; the message is one line that says what to do. Nothing was changed."""


def every_refusal(root: type[Refusal] = Refusal) -> Iterator[type[Refusal]]:
    """All refusals that imported code defines; the documentation test walks it."""
    for kind in root.__subclasses__():
        yield kind
        yield from every_refusal(kind)
