"""The `monoize` command: its nouns and verbs, and the one place where every ending gets its exit code.

A client of the control API; only serve, init, db and config reach inside, by way of `monoize.main`. Starting is
kept cheap: whatever takes long to load is imported by the command that needs it.
"""

import sys
from typing import NoReturn

import click

import monoize as package
from monoize.base.errors import StartupProblem
from monoize.cli import show
from monoize.cli.agent_limits import agent_limits
from monoize.cli.agent_records import agent_records
from monoize.cli.agents import agents
from monoize.cli.agents_reached import configure, health, restart, write
from monoize.cli.alerts import alerts
from monoize.cli.apply import apply
from monoize.cli.approvals import approvals
from monoize.cli.audit import audit
from monoize.cli.backups import backup
from monoize.cli.buckets import buckets
from monoize.cli.builds import builds
from monoize.cli.captures import captures
from monoize.cli.certificates import certificates
from monoize.cli.channels import channels
from monoize.cli.completion import completion
from monoize.cli.config import config
from monoize.cli.courier import courier
from monoize.cli.credentials import credentials
from monoize.cli.db import db
from monoize.cli.deployments import deploy, deployments, releases, rollback
from monoize.cli.domains import domains
from monoize.cli.environments import environments
from monoize.cli.escalations import escalations
from monoize.cli.export import export
from monoize.cli.failure import Exit, Failure
from monoize.cli.files import files
from monoize.cli.fleet import fleet
from monoize.cli.hosts import hosts
from monoize.cli.import_litellm import import_
from monoize.cli.invocation import Invocation
from monoize.cli.keys import keys
from monoize.cli.ledger import ledger
from monoize.cli.lockdown import lockdown
from monoize.cli.login import login, logout, whoami
from monoize.cli.logs import exec_, logs
from monoize.cli.machines import machines
from monoize.cli.mcp import mcp
from monoize.cli.nginx import nginx
from monoize.cli.notes import notes
from monoize.cli.operations import operations
from monoize.cli.orphans import orphans
from monoize.cli.overage import overage
from monoize.cli.plans import plans
from monoize.cli.policy import policy
from monoize.cli.pools import pools
from monoize.cli.presets import presets
from monoize.cli.prices import prices
from monoize.cli.projects import projects
from monoize.cli.providers import providers
from monoize.cli.quota import quota
from monoize.cli.redirects import redirects
from monoize.cli.registries import registries
from monoize.cli.requests import explain, requests
from monoize.cli.routes import routes
from monoize.cli.run import run
from monoize.cli.secrets import secrets
from monoize.cli.serve import init, serve
from monoize.cli.services import services
from monoize.cli.stop import stop
from monoize.cli.suffixes import suffixes
from monoize.cli.tenants import tenants
from monoize.cli.tokens import tokens
from monoize.cli.transforms import transforms
from monoize.cli.up import up
from monoize.cli.usage import usage
from monoize.cli.users import users
from monoize.cli.verb import environment_options, json_option, server_options

EPILOG = (
    "MONOIZE_TOKEN holds a named token to use instead of a profile's credential, "
    "MONOIZE_PROFILES the path of the profile file. Every command is described in docs/cli.md."
)


@click.group(
    params=[*server_options(envvar="MONOIZE_URL"), json_option(), *environment_options()],
    epilog=EPILOG,
)
@click.version_option(package.__version__, message="%(prog)s %(version)s")
@click.pass_context
def monoize(ctx: click.Context) -> None:
    """One login, one ledger, one audit log over everything that runs AI agents."""
    ctx.ensure_object(Invocation)


for command in (
    serve,
    init,
    login,
    logout,
    whoami,
    run,
    users,
    keys,
    tokens,
    tenants,
    providers,
    channels,
    redirects,
    suffixes,
    transforms,
    prices,
    agents,
    plans,
    presets,
    overage,
    agent_records,
    agent_limits,
    approvals,
    stop,
    escalations,
    policy,
    mcp,
    notes,
    buckets,
    apply,
    export,
    import_,
    files,
    courier,
    usage,
    quota,
    alerts,
    requests,
    explain,
    captures,
    hosts,
    pools,
    credentials,
    fleet,
    machines,
    operations,
    up,
    projects,
    services,
    routes,
    domains,
    certificates,
    nginx,
    logs,
    exec_,
    secrets,
    environments,
    registries,
    orphans,
    lockdown,
    deploy,
    releases,
    rollback,
    deployments,
    builds,
    ledger,
    audit,
    config,
    db,
    backup,
    completion,
):
    monoize.add_command(command)


for verb in (health, configure, write, restart):
    agents.add_command(verb)


def main() -> NoReturn:
    try:
        sys.exit(monoize.main(prog_name="monoize", standalone_mode=False))
    except click.ClickException as problem:
        problem.show()
        sys.exit(problem.exit_code)
    except Failure as failure:
        _report(failure)
        sys.exit(failure.exit)
    except StartupProblem as problem:
        _report(Failure(str(problem)))
        sys.exit(Exit.CANNOT)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(Exit.INTERRUPTED)


def _report(failure: Failure) -> None:
    show.said(f"monoize: {failure.message}")
    for line in failure.lines:
        show.said(f"  {line}")
    if failure.hint:
        show.said(f"hint: {failure.hint}")
    if failure.request_id:
        show.said(f"request id: {failure.request_id}")
