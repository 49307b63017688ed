"""The ways in which the room of machines refuses."""

from monoize.base.errors import BadRequest, Conflict, Forbidden, NotFound, Refusal


class NoSuchPlan(NotFound):
    """There is no such plan."""

    code = "plan_not_found"


class PlanExists(Conflict):
    """A plan of that name exists."""

    code = "plan_exists"


class NoSuchPreset(NotFound):
    """There is no such machine preset, or your plan does not include it."""

    code = "vps_config_not_found"
    hint = "`monoize presets list` shows those that you may use."


class PresetExists(Conflict):
    """A machine preset of that name exists."""

    code = "vps_config_exists"


class PresetInUse(Conflict):
    """Machines were made from this preset."""

    code = "vps_config_in_use"
    hint = "Take it out of the plans with `monoize plans unlink`, so that no more are made."


class NoSuchAgent(NotFound):
    """There is no such agent."""

    code = "agent_not_found"


class NoSuchMachine(NotFound):
    """There is no such machine."""

    code = "machine_not_found"


class NoSuchOperation(NotFound):
    """There is no such operation."""

    code = "operation_not_found"


class UserHasMachines(Conflict):
    """This user has machines, which nobody would answer for any more."""

    code = "user_has_machines"
    hint = "Destroy them first; `monoize machines list` shows them."


class NoSuchChannel(NotFound):
    """This agent has no such channel."""

    code = "agent_channel_not_found"


class NoPlan(Forbidden):
    """There is no plan for this account, so it may have neither agents nor machines."""

    code = "no_plan"
    hint = "An administrator gives it one with `monoize plans assign`."


class LimitExceeded(Forbidden):
    """The plan does not allow more."""

    code = "limit_exceeded"
    hint = "Delete what is not needed any more, or ask an administrator for a larger plan."


class RecordNotYours(Forbidden):
    """Only whoever may change governance records says which of them limits an agent."""

    code = "record_not_yours"


class AgentHasMachine(Conflict):
    """This agent has a machine."""

    code = "agent_has_machine"
    hint = "Destroy it first; `monoize machines list` shows it."


class AgentWithoutMachine(Conflict):
    """This agent has no machine."""

    code = "agent_without_machine"
    hint = "`monoize agents provision` gives it one."


class AgentDisabled(Conflict):
    """This agent has been disabled."""

    code = "agent_disabled"
    hint = "`monoize agents enable` lets it in again."


class MachineState(Conflict):
    """This cannot be asked of the machine in its present state."""

    code = "machine_state"
    hint = "`state` says what it is in; `monoize machines show` what is under way."


class ProviderUnknown(BadRequest):
    """There is no provider of machines of this name."""

    code = "provider_unknown"
    hint = "`known` lists them."


class ProviderNotConfigured(BadRequest):
    """This provider of machines is not set up."""

    code = "provider_not_configured"
    hint = "docs/settings.md says what it needs."


class AgentPathDenied(Forbidden):
    """Nobody but the agent itself may ask this of its gateway."""

    code = "agent_path_denied"


class NoSuchWorkspaceFile(NotFound):
    """An agent has no such file that is written from outside."""

    code = "workspace_file_not_found"
    hint = "There are AGENTS.md, SOUL.md and IDENTITY.md."


class AgentUnreachable(Refusal):
    """The agent does not answer on its machine."""

    code = "agent_unreachable"
    status = 502


class AgentRefused(Refusal):
    """The agent refused what it was asked."""

    code = "agent_refused"
    status = 502
