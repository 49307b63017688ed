"""What an address may make a page say: it brings a code that is looked up here, so no link brings its own words."""

from collections.abc import Mapping
from typing import Final

from monoize.base.errors import Refusal
from monoize.control.identity import errors
from monoize.control.identity.api.entrance import TooManyAttempts

DONE: Final[Mapping[str, str]] = {
    "signed_out": "You are signed out.",
    "email_verified": "Your e-mail address is confirmed.",
    "email_sent": "We sent you a link. Open it within 24 hours to confirm your address.",
    "account_saved": "Your account is saved.",
    "password_changed": "Your password is changed, and your other sessions are ended.",
    "session_ended": "The session is ended.",
    "key_deleted": "The key is deleted. Programs that still use it are refused.",
    "user_created": "The account is made.",
    "user_enabled": "The account is enabled.",
    "user_disabled": "The account is disabled, and its sessions are ended.",
}

_REFUSED: Final[Mapping[str, type[Refusal]]] = {
    kind.code: kind
    for kind in (
        errors.SignInFailed,
        errors.EmailNotLinked,
        errors.RegistrationClosed,
        errors.AccountDisabled,
        errors.TenantSuspended,
        errors.NoSuchProvider,
        TooManyAttempts,
    )
}


def refused_sign_in(code: str) -> Refusal:
    """The refusal that sent somebody back from a sign-in provider."""
    kind = _REFUSED.get(code)
    if kind is None:
        return Refusal("Signing in did not work.", hint="Start again, or ask your operator.")
    return Refusal((kind.__doc__ or "").strip(), hint=kind.hint)
