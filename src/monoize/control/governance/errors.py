"""The ways in which governance refuses."""

from monoize.base.errors import BadRequest, Conflict, Forbidden, Invalid, NotFound, TooMany, Unavailable


class AgentNotActive(Conflict):
    """This agent is not active."""

    code = "agent_not_active"
    hint = "Somebody has to set the status of its record to `active`."


class TenantBlocked(Forbidden):
    """Your tenant is on the block list of this agent."""

    code = "tenant_blocked"
    hint = "Only a change of that list lifts it."


class TenantNotAllowed(Forbidden):
    """Your tenant is not among those that may use this agent."""

    code = "tenant_not_allowed"


class PlatformOnly(Forbidden):
    """Only the administrators of the platform may use this agent."""

    code = "platform_only"


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


class LimitReached(TooMany):
    """This agent has reached one of its limits."""

    code = "limit_reached"
    hint = "Wait until `resets_at`, or have a super_admin raise the limit for a while."


class LimitsCorrupt(Unavailable):
    """The limits of this agent cannot be read, so nothing is allowed."""

    code = "limits_corrupt"
    status = 500
    hint = "An operator has to write them anew with `monoize agent-limits set`."


class NoSuchAgentRecord(NotFound):
    """There is no such agent record."""

    code = "agent_record_not_found"


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


class AgentRecordChanged(Conflict):
    """Somebody else has changed this agent record meanwhile."""

    code = "version_conflict"
    hint = "Read it again and repeat the change with its `config_version`."


class AgentRecordArchived(Conflict):
    """An archived agent record is not changed any more."""

    code = "agent_record_archived"
    hint = "Set its status to draft first."


class ConfigTampered(Conflict):
    """What the database holds is not what was written: the agent does not run."""

    code = "config_tampered"
    hint = "Roll the record named here back to a version that is whole, with `monoize agent-records rollback`."


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
