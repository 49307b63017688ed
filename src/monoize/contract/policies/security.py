"""Where an agent may reach: hosts, paths, shells, databases, other agents."""

from typing import Annotated, Literal

import msgspec

from monoize.base.patterns import pattern
from monoize.contract.policies.tightening import (
    ALLOWED_GLOBS,
    DENIED,
    LEAST,
    PERMITS,
    PROTECTS,
    Policy,
    strictest,
)
from monoize.contract.policies.words import Count, Globs, Pattern

SqlVerb = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{2,32}$(?!\n)")]
Depth = Annotated[int, msgspec.Meta(ge=0, le=100)]


class Shell(Policy, frozen=True, kw_only=True):
    enabled: Annotated[bool, PERMITS] = False
    deny: Annotated[tuple[Pattern, ...], DENIED] = ()

    def __post_init__(self) -> None:
        for each in self.deny:
            pattern(each)


class Sql(Policy, frozen=True, kw_only=True):
    read_only: Annotated[bool, PROTECTS] = True
    deny: Annotated[tuple[SqlVerb, ...], DENIED] = ("DROP", "TRUNCATE", "ALTER")
    require_where: Annotated[bool, PROTECTS] = True
    max_rows: Annotated[Count | None, LEAST] = None


class SecurityPolicy(Policy, frozen=True, kw_only=True):
    """A list of hosts, paths or environments that is not said allows all; private networks stay out of reach."""

    hosts_allow: Annotated[Globs | None, ALLOWED_GLOBS] = None
    hosts_deny: Annotated[Globs, DENIED] = ()
    gateway_methods_deny: Annotated[Globs, DENIED] = ()
    deny_private_networks: Annotated[bool, PROTECTS] = True
    shell: Shell = Shell()
    sql: Sql = Sql()
    paths_allow: Annotated[Globs | None, ALLOWED_GLOBS] = None
    environments: Annotated[Globs | None, ALLOWED_GLOBS] = None
    dry_run_first: Annotated[bool, PROTECTS] = False
    max_chain_depth: Annotated[Depth, LEAST] = 15
    max_spawn_depth: Annotated[Depth, LEAST] = 2
    injection: Annotated[Literal["off", "flag", "block"], strictest("off", "flag", "block")] = "flag"
    tls_required: Annotated[bool, PROTECTS] = True
    audit: Annotated[Literal["all", "writes"], strictest("writes", "all")] = "writes"
