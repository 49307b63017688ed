"""The ways in which identity refuses."""

from monoize.base.errors import Conflict, Forbidden, Gone, Invalid, NotFound, Unauthenticated, Unavailable


class InvalidCredential(Unauthenticated):
    """This credential is not valid."""

    code = "invalid_credential"
    hint = "It may be misspelt, expired or revoked. Sign in again or use another key."


class WrongPassword(Unauthenticated):
    """The name or the password is wrong."""

    code = "invalid_credentials"


class AccountDisabled(Forbidden):
    """This account has been disabled."""

    code = "account_disabled"
    hint = "Ask an administrator to enable it."


class TenantSuspended(Forbidden):
    """The organisation of this account has been suspended."""

    code = "tenant_suspended"


class AddressNotAllowed(Forbidden):
    """This API key may not be used from your address."""

    code = "ip_not_allowed"
    hint = "Add the address to the key's ip_whitelist, or call from one that is on it."


class ImpersonationRefused(Forbidden):
    """This credential may not act for that user."""

    code = "impersonation_refused"
    hint = "X-User-Id needs a named token with the scope `impersonate`, and a user of the token's tenant."


class RegistrationClosed(Forbidden):
    """Strangers cannot make themselves an account here."""

    code = "registration_disabled"
    hint = "Ask an administrator for an account."


class RoleTooHigh(Forbidden):
    """Your own role does not reach this account or role."""

    code = "role_too_high"
    hint = "A super_admin can do it."


class NoSuchUser(NotFound):
    """There is no such user."""

    code = "user_not_found"


class NoSuchTenant(NotFound):
    """There is no such tenant."""

    code = "tenant_not_found"


class NoSuchSession(NotFound):
    """There is no such session."""

    code = "session_not_found"


class NoSuchKey(NotFound):
    """There is no such API key."""

    code = "key_not_found"


class NoSuchToken(NotFound):
    """There is no such token."""

    code = "token_not_found"


class NoSuchProvider(NotFound):
    """There is no such sign-in provider."""

    code = "provider_not_found"


class UsernameTaken(Conflict):
    """That username is already in use."""

    code = "username_exists"


class EmailTaken(Conflict):
    """That e-mail address is already in use."""

    code = "email_exists"


class TenantExists(Conflict):
    """A tenant of that name exists."""

    code = "tenant_exists"


class TokenExists(Conflict):
    """A token of that name exists."""

    code = "token_exists"


class FirstAccountExists(Conflict):
    """The first account has already been made."""

    code = "first_account_exists"
    hint = "Sign in with it, or ask its owner for an account."


class PlaygroundKeyOff(Conflict):
    """Your key for the playground is turned off, or has expired."""

    code = "playground_key_off"
    hint = "Turn it on again among your API keys, or delete it there: the next prompt makes a new one."


class PlaygroundKeyThere(Conflict):
    """The key for the playground has just been made."""

    code = "playground_key_there"
    hint = "Ask again."


class TooManyKeys(Conflict):
    """This user has as many API keys as one may have."""

    code = "max_api_keys_reached"
    hint = "Delete keys that are no longer used."


class SubAccountOpen(Conflict):
    """This key has a sub-account, which must be settled with its owner first."""

    code = "sub_account_open"
    hint = "Delete it with `DELETE /api/ledger/keys/{key_id}`, which settles it, or turn the sub-account off first."


class NotYourself(Conflict):
    """Nobody can delete, disable or demote themselves."""

    code = "not_yourself"
    hint = "Ask another administrator."


class SuperAdminStays(Conflict):
    """A super_admin cannot be deleted."""

    code = "super_admin_stays"
    hint = "Give the account another role first."


class LastAdmin(Conflict):
    """Without this nobody could administer Monoize any more."""

    code = "last_admin"
    hint = "Make another administrator first."


class LinkSpent(Gone):
    """This link has expired or was already used."""

    code = "link_spent"
    hint = "Ask for a new one; for the first account, restart Monoize to have a new link printed."


class WeakPassword(Invalid):
    """A password needs at least 8 characters."""

    code = "weak_password"


class GroupsNotAllowed(Invalid):
    """A key may only name groups that its owner has."""

    code = "groups_not_allowed"


class TransformNotAllowed(Forbidden):
    """Only keys of administrators may have this transform."""

    code = "transform_not_allowed"
    hint = "`keys` in /api/transforms says on whose keys each may be put."


class NoEmailAddress(Invalid):
    """This account has no e-mail address."""

    code = "email_missing"


class NoSuchAccount(NotFound):
    """There is no such linked sign-in."""

    code = "account_not_found"


class AccountTaken(Conflict):
    """Somebody else signs in with this account already."""

    code = "account_taken"
    hint = "Sign in with it to see whose it is, and take it away there first."


class LastWayIn(Conflict):
    """Without this nobody could sign in to your account any more."""

    code = "last_way_in"
    hint = "Set a password first, or link another sign-in."


class MailUnavailable(Unavailable):
    """Mail could not be sent."""

    code = "mail_unavailable"
    hint = "An operator sets smtp_url and mail_from, and finds the reason in the server's log."


class SignInFailed(Unauthenticated):
    """The sign-in provider did not confirm who you are."""

    code = "sign_in_failed"
    hint = "Start again from the sign-in page."


class EmailNotLinked(Forbidden):
    """An account with this e-mail address exists, but it cannot be linked safely."""

    code = "email_not_linked"
    hint = "Sign in with your password; both sides must have verified the address before they are linked."
