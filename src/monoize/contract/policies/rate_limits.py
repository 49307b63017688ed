"""How often an agent may ask, and for how much."""

from typing import Annotated, Literal

from monoize.contract.policies.tightening import EACH_NAME, LEAST, Policy, strictest
from monoize.contract.policies.words import Count, Glob

Cap = Annotated[Count | None, LEAST]


class ToolRate(Policy, frozen=True, kw_only=True):
    per_minute: Cap = None


class ModelRate(Policy, frozen=True, kw_only=True):
    per_minute: Cap = None
    tokens_per_minute: Cap = None


class RateLimits(Policy, frozen=True, kw_only=True):
    """0 lets nothing through; what is not said is without limit. `key` says whose requests are counted together."""

    requests_per_minute: Cap = None
    requests_per_hour: Cap = None
    requests_per_day: Cap = None
    tokens_per_minute: Cap = None
    tokens_per_day: Cap = None
    concurrent_runs: Cap = None
    burst: Cap = None
    per_tool: Annotated[dict[Glob, ToolRate], EACH_NAME] = {}
    per_model: Annotated[dict[Glob, ModelRate], EACH_NAME] = {}
    key: Annotated[
        Literal["agent", "agent_tenant", "agent_user"], strictest("agent_user", "agent_tenant", "agent")
    ] = "agent_tenant"
