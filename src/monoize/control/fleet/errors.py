"""The ways in which the fleet refuses: operators read them as problems, hosts as `{"error": {"code", …}}`."""

from monoize.base.errors import Conflict, Forbidden, Gone, Invalid, NotFound, Unauthenticated, Unavailable


class HostKeyMissing(Unauthenticated):
    """No host key was sent."""

    code = "key_missing"
    hint = "Send `Authorization: Bearer KEY` or `X-API-Key: KEY`."


class HostKeyInvalid(Unauthenticated):
    """This host key is not valid."""

    code = "key_invalid"
    hint = "The host was removed or given another key; an operator enrols it again with `monoize hosts register`."


class HostSuspended(Forbidden):
    """This host has been suspended."""

    code = "host_disabled"
    hint = "An operator lets it in again with `monoize hosts resume`."


class AddressNotBound(Forbidden):
    """This host is bound to another address."""

    code = "ip_denied"
    hint = "An operator forgets the address with `monoize hosts unbind`, or lets the host roam."


class WindowClosed(Forbidden):
    """This host may call only while its window is open."""

    code = "window_closed"
    hint = "An operator opens it with `monoize hosts open`."


class OtherInstallation(Forbidden):
    """This host was enrolled with another installation."""

    code = "installation_mismatch"
    hint = "Its courier talks to the wrong address, or the host has to be enrolled again."


class HostApiDisabled(Unavailable):
    """An operator has switched the hosts' API off."""

    code = "api_disabled"
    hint = "No host is served until it is switched on again; nothing may be started meanwhile."


class HostCallInvalid(Invalid):
    """Some values of the call are not acceptable."""

    code = "validation_failed"
    hint = "Each entry of `errors` points at one value."


class InstallTokenUnknown(NotFound):
    """There is no such install link."""

    code = "install_link_not_found"
    hint = "Enrol the host again for a new one."


class InstallTokenSpent(Gone):
    """This install link was already used or has expired."""

    code = "install_link_spent"
    hint = "Enrol the host again for a new one."


class NoSuchHost(NotFound):
    """There is no such host."""

    code = "host_not_found"


class HostExists(Conflict):
    """A host of this name was enrolled a moment ago."""

    code = "host_exists"
    hint = "Ask again to enrol it once more, with a new key."


class NoSuchPool(NotFound):
    """There is no such pool."""

    code = "pool_not_found"


class PoolExists(Conflict):
    """A pool of that name exists."""

    code = "pool_exists"


class DefaultPoolStays(Conflict):
    """The first pool cannot be deleted."""

    code = "default_pool_stays"


class PoolInUse(Conflict):
    """Hosts or credentials in this pool stand in the way."""

    code = "pool_in_use"
    hint = "Move its hosts to another pool or delete them first."


class HostIsSecure(Conflict):
    """This host needs no window: it may call at any time."""

    code = "host_is_secure"
    hint = "Windows are for hosts with `secure: false`."


class ModeNotForTool(Invalid):
    """The hub renews logins of Codex only."""

    code = "mode_not_for_tool"
    hint = "Choose another mode for this tool."


class OwnerNeeded(Invalid):
    """Hosts of this pool use the gateway, so somebody has to pay for them."""

    code = "owner_needed"
    hint = "Name a user with user_id."


class BaseUrlUnusable(Invalid):
    """The address at which hosts would reach this server cannot be used in an installer."""

    code = "base_url_unusable"
    hint = "An operator sets public_url to https://HOST."


class NoSuchAlert(NotFound):
    """There is no such alert."""

    code = "alert_not_found"


class TooManyDays(Invalid):
    """These are too many days at once, or none."""

    code = "too_many_days"
    hint = "Ask for at most 400 days, of which the last comes after the first."


class NoAllowance(Conflict):
    """Nobody can be asked about the allowance of this pool."""

    code = "no_allowance"
    hint = "It can be asked about in pools of Codex in the modes `shared` and `hub`."


class CanonicalInvalid(Unavailable):
    """The stored credential of this pool cannot be trusted: it does not open, or is not what was stored."""

    code = "canonical_invalid"
    hint = "An operator repairs it with `monoize credentials rollback`, or `monoize credentials upload --force`."


class CredentialRefused(Invalid):
    """This document is no credential that could be used."""

    code = "credential_refused"
    hint = "Each entry of `errors` points at one value."


class StoredNothing(Conflict):
    """The canonical credential is newer than this one."""

    code = "credential_outdated"
    hint = "Force it if it shall replace the newer one all the same."


class NotUsedHere(Conflict):
    """Hosts of this pool use the gateway and share no credential."""

    code = "credential_not_used"


class NoSuchPayload(NotFound):
    """This pool has no such document in its history."""

    code = "payload_not_found"


class PayloadInUse(Conflict):
    """This document is the canonical one."""

    code = "payload_in_use"
    hint = "Roll back to another one, or upload another, before it can be deleted."


class HubOwned(Forbidden):
    """Hosts hand in no credentials in this pool."""

    code = "hub_owned"
    hint = "An operator replaces it with `monoize credentials upload`."


class TargetNotAllowed(Forbidden):
    """The document holds a token for a target that this host may not use."""

    code = "target_not_allowed"
    hint = "`allowed_targets` of the host says what it may use."


class RunnerRequired(Unavailable):
    """Credentials of this pool are validated before they count, and no runner is set up."""

    code = "runner_required"
    hint = "An operator sets fleet_runner_url, or lets the pool do without validation."


class RunnerUnavailable(Unavailable):
    """The runner that validates credentials did not answer."""

    code = "runner_unavailable"
    hint = "Keep the credential and hand it in again later."


class RunnerRejected(Invalid):
    """The runner could not log in with this credential."""

    code = "runner_rejected"


class NotValidatedHere(Conflict):
    """Credentials of this pool are not validated."""

    code = "not_validated_here"
    hint = "`monoize pools update --validation advisory` turns it on."


class NotRefreshedHere(Conflict):
    """The hub does not refresh the credential of this pool."""

    code = "not_refreshed_here"
    hint = "It does so in pools of the mode `hub`, once they have a login with a refresh token."


class HostTokenInvalid(Unauthenticated):
    """This refresh token is not one of ours, or not any more."""

    code = "refresh_token_invalidated"
    hint = "The host gets another one at its next sync."


class HostTokenReused(Unauthenticated):
    """This refresh token was used after its successor: two hosts hold one login."""

    code = "refresh_token_reused"
    hint = "The host is suspended until an operator has looked into it."


class AccessTokenStale(Unavailable):
    """The login of this pool is being refreshed."""

    code = "refresh_pending"
    hint = "Ask again in a moment."


class SeedLinkUnknown(NotFound):
    """There is no such seed link."""

    code = "seed_link_not_found"
    hint = "`monoize credentials seed` makes one."


class SeedLinkSpent(Gone):
    """This seed link was already used or has expired."""

    code = "seed_link_spent"
    hint = "`monoize credentials seed` makes another one."


class NoSuchFile(NotFound):
    """There is no such file."""

    code = "file_not_found"


class FileExists(Conflict):
    """A file of that kind and name exists there."""

    code = "file_exists"
    hint = "Change it instead."


class FileChanged(Conflict):
    """Somebody has changed this file meanwhile."""

    code = "file_changed"
    hint = "Read it again and decide anew."


class TooManyFiles(Conflict):
    """There are as many files as may be distributed there."""

    code = "max_files_reached"
    hint = "Delete files that no host needs."


class ConfigNeedsPool(Invalid):
    """A config is for one pool, since its language is that of the pool's tool."""

    code = "config_needs_pool"
    hint = "Name a pool."


class ConfigUnreadable(Invalid):
    """The tool of this pool could not read this config."""

    code = "config_unreadable"
    hint = "Codex reads TOML; Claude Code and Gemini CLI read a JSON object."


class FileNameNeeded(Invalid):
    """Prompts and skills have a name."""

    code = "file_name_needed"


class FileNameFixed(Invalid):
    """A config and instructions have no name of their own."""

    code = "file_name_fixed"
    hint = "Leave the name out."
