"""How agents are refused on both sides of the wall: by the gateway as by the control plane, in the same words."""

from monoize.base.errors import Conflict, Forbidden, NotFound, TooMany, Unauthenticated, Unavailable


class Stopped(Forbidden):
    """Somebody has stopped this by hand."""

    code = "stopped"
    hint = "It goes on when an administrator lifts the stop."


class AgentNotActive(Conflict):
    """This agent is not active."""

    code = "agent_not_active"
    hint = "Somebody has to set the status of its record to `active`."


class ConfigTampered(Conflict):
    """What the database holds is not what was written: the agent does not run."""

    code = "config_tampered"
    hint = "Roll the record named here back to a version that is whole, with `monoize agent-records rollback`."


class NoSuchAgentRecord(NotFound):
    """There is no such agent record."""

    code = "agent_record_not_found"


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


class AuthStrategyRequired(Unauthenticated):
    """This agent asks for a stronger way of showing who calls it."""

    code = "auth_strategy_required"


class RoleRequired(Forbidden):
    """This agent may be used only with a certain role."""

    code = "role_required"


class RateLimited(TooMany):
    """Too many calls."""

    code = "rate_limited"
    hint = "Wait before the next call."


class ToolDenied(Forbidden):
    """The rules of this agent do not let it call this tool."""

    code = "tool_denied"


class SecurityDenied(Forbidden):
    """The security policy of this agent forbids this."""

    code = "security_denied"
    hint = "`rule` says which of its rules."


class LimitReached(TooMany):
    """This agent has reached one of its limits."""

    code = "limit_reached"
    hint = "Wait until `resets_at`, or have a super_admin raise the limit for a while."


class LimitsCorrupt(Unavailable):
    """The limits of this agent cannot be read, so nothing is allowed."""

    code = "limits_corrupt"
    status = 500
    hint = "An operator has to write them anew with `monoize agent-limits set`."
