"""The ways in which governance refuses."""

from monoize.base.errors import BadRequest, Conflict, Forbidden, Invalid, NotFound, Unavailable
from monoize.contract.refusals import AgentNotActive as AgentNotActive
from monoize.contract.refusals import ConfigTampered as ConfigTampered
from monoize.contract.refusals import LimitReached as LimitReached
from monoize.contract.refusals import LimitsCorrupt as LimitsCorrupt
from monoize.contract.refusals import NoSuchAgentRecord as NoSuchAgentRecord
from monoize.contract.refusals import PlatformOnly as PlatformOnly
from monoize.contract.refusals import TenantBlocked as TenantBlocked
from monoize.contract.refusals import TenantNotAllowed as TenantNotAllowed


class ReplayTooLong(Invalid):
    """A draft is tried on 31 days of requests at most."""

    code = "replay_too_long"
    hint = "Ask for less time with `since` and `until`."


class NoSuchStop(NotFound):
    """There is no such stop."""

    code = "stop_not_found"


class AlreadyStopped(Conflict):
    """This is stopped already."""

    code = "already_stopped"


class NoSuchEscalation(NotFound):
    """There is no such escalation."""

    code = "escalation_not_found"


class AlreadyAcknowledged(Conflict):
    """Somebody looks after this already."""

    code = "already_acknowledged"


class NotYoursToStop(Forbidden):
    """You may stop your own tenant and its agents; everything, and what is of others, only a super_admin."""

    code = "not_yours_to_stop"


class NotYoursToLift(Forbidden):
    """A super_admin has stopped this, and only a super_admin lifts it."""

    code = "not_yours_to_lift"


class NoSuchLimits(NotFound):
    """There are no such limits."""

    code = "agent_limits_not_found"
    hint = "A role without limits of its own has those of the tier `free`."


class LimitsExist(Conflict):
    """This role has limits in this tenant already."""

    code = "agent_limits_exist"
    hint = "Change those that are there."


class LimitsChanged(Conflict):
    """Somebody else has changed these limits meanwhile."""

    code = "limits_changed"
    hint = "Read them again and repeat the change with their `version`."


class NoSuchOverride(NotFound):
    """There is no such override of these limits."""

    code = "limit_override_not_found"


class OnlySuperAdmin(Forbidden):
    """Only a super_admin raises a limit for a while."""

    code = "super_admin_needed"


class OperationNotAllowed(Forbidden):
    """The limits of this agent do not allow this operation."""

    code = "operation_not_allowed"
    hint = "`allowed` says which operations are allowed; what is in `blocked` is not, even then."


class ToolNotAllowed(Forbidden):
    """The limits of this agent do not allow this tool."""

    code = "tool_not_allowed"
    hint = "`allowed` says which tools are allowed."


class NoSuchRevision(NotFound):
    """This agent record never had that version."""

    code = "revision_not_found"


class AgentRecordExists(Conflict):
    """An agent record of that name exists in this tenant."""

    code = "agent_record_exists"


class BaselineExists(Conflict):
    """There is a baseline for these agents already."""

    code = "baseline_exists"
    hint = "Change the one that is there."


class BaselineInForce(Conflict):
    """A baseline that is in force is not archived."""

    code = "baseline_in_force"
    hint = "Set its status to `paused` first: that loosens what it bound, so another administrator has to agree."


class NotTheSoleAdmin(Forbidden):
    """Only a super_admin who is signed in and the only administrator loosens a record alone."""

    code = "not_the_sole_admin"
    hint = "Leave `sole_admin` out, and another administrator approves the change."


class AppliedToRecord(Conflict):
    """This approval is a change of an agent record."""

    code = "approval_applies_to_record"
    hint = "Apply it with `monoize agent-records apply`."


class AgentRecordChanged(Conflict):
    """Somebody else has changed this agent record meanwhile."""

    code = "version_conflict"
    hint = "Read it again and repeat the change with its `config_version`."


class AgentRecordArchived(Conflict):
    """An archived agent record is not changed any more."""

    code = "agent_record_archived"
    hint = "Set its status to draft first."


class VersionNeeded(Invalid):
    """Say which version this changes."""

    code = "version_needed"
    hint = "Send `version` in the body, or If-Match: the `config_version` that you have read."


class PolicyInvalid(BadRequest):
    """A policy is not what it has to be."""

    code = "policy_invalid"
    hint = "Each entry of `errors` points at one value; /api/agent-records/policies has the schema of each policy."


class ScopeContradictory(Invalid):
    """What is said of tenants contradicts itself."""

    code = "scope_contradictory"


class NoSuchTemplate(Invalid):
    """There is no such template."""

    code = "template_not_found"
    hint = "/api/agent-records/templates lists them."


class NoSuchApproval(NotFound):
    """There is no such approval."""

    code = "approval_not_found"


class ApprovalState(Conflict):
    """This approval is not in a state in which that can be done."""

    code = "approval_state"
    hint = "`state` says how it stands. Whatever was decided stays decided: propose it anew."


class ApprovalExpired(Conflict):
    """The time of this approval is over."""

    code = "approval_expired"
    hint = "Propose it anew."


class ArgumentsChanged(Conflict):
    """This is not what was approved: the arguments are others."""

    code = "approval_arguments_changed"
    hint = "An approval holds for exactly the arguments that people saw. Propose these."


class ApprovedUnderOtherRules(Conflict):
    """The rules of this agent have changed since it was proposed."""

    code = "approval_config_changed"
    hint = "Propose it anew, so that it is decided by the rules of today."


class AlreadyVoted(Conflict):
    """You have voted on this approval already."""

    code = "approval_voted"
    hint = "Another person has to."


class SelfApproval(Forbidden):
    """Nobody approves what they have asked for themselves."""

    code = "self_approval"


class NotTheRequester(Forbidden):
    """Only whoever proposed it goes on with it."""

    code = "not_the_requester"


class NotAnApprover(Forbidden):
    """You are not among those who may decide this."""

    code = "not_an_approver"


class PersonNeeded(Forbidden):
    """Only a person who is signed in decides an approval, not a program."""

    code = "approval_needs_person"
    hint = "Sign in as yourself with `monoize login`."


class SecondFactorNeeded(Forbidden):
    """This decision wants a second factor, and none that is right was sent."""

    code = "second_factor_needed"
    hint = "Send your password once more as `second_factor`."


class ShadowTooLong(Invalid):
    """What policies in shadow would have denied is told for 31 days at most."""

    code = "shadow_too_long"
    hint = "Give a `since` and an `until` that are nearer to each other."


class NoSuchNote(NotFound):
    """There is no such note."""

    code = "note_not_found"


class NotYourNote(Forbidden):
    """This note is somebody else's."""

    code = "not_your_note"
    hint = "Its author and administrators can change it."


class NoteIsHuman(Conflict):
    """A person wrote this note, or has confirmed it already."""

    code = "note_confirmed"


class NoSuchBucket(NotFound):
    """There is no such bucket."""

    code = "bucket_not_found"


class BucketExists(Conflict):
    """There is a bucket of this name already."""

    code = "bucket_exists"


class BucketAddressInvalid(Invalid):
    """This is no address of an object store."""

    code = "bucket_address_invalid"
    hint = "It begins with https://, or with http:// where private_network is set, and has no path."


class BucketUnreachable(Unavailable):
    """The object store does not answer as it should."""

    code = "bucket_unreachable"
    status = 502


class BucketBusy(Conflict):
    """This bucket is being listed at this moment."""

    code = "bucket_busy"
