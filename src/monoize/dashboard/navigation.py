"""The pages that every page leads to, in groups. A room adds its lines to its own group.

A page below an entry's address belongs to that entry. Who may see none of a group's entries does not see the group.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Final

from monoize.base.principal import Permission


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    label: str
    path: str
    icon: str
    """A name in static/icons.svg."""
    permission: Permission = "self"
    also: tuple[str, ...] = ()
    """Addresses that belong to the same entry, though they are not below its own."""

    def current(self, path: str) -> bool:
        return path == self.path or any(path == each or path.startswith(f"{each}/") for each in self._addresses())

    def _addresses(self) -> tuple[str, ...]:
        # Every address is below the one of the home page, and none belongs to it.
        return self.also if self.path == "/" else (self.path, *self.also)


@dataclasses.dataclass(frozen=True, slots=True)
class Group:
    title: str
    entries: tuple[Entry, ...]


NAVIGATION: Final = (
    Group("", (Entry("Home", "/", "home"),)),
    Group(
        "Gateway",
        (
            Entry(
                "Models and prices",
                "/models",
                "model",
                "providers.read",
                ("/prices", "/pending-prices", "/price-lists"),
            ),
            Entry("Providers", "/providers", "provider", "providers.read"),
            Entry("Routing", "/routing", "route", "providers.read"),
            Entry("API keys", "/keys", "key"),
            Entry("Playground", "/playground", "play"),
        ),
    ),
    Group(
        "Spend",
        (
            Entry("Requests", "/requests", "request", also=("/captures",)),
            Entry("Costs", "/costs", "cost"),
            Entry("Ledger", "/ledger", "ledger"),
        ),
    ),
    Group(
        "Agents",
        (
            # Agents, machines, what governs them.
            Entry("Agents", "/agents", "agent"),
            Entry("Machines", "/machines", "machine"),
            Entry("Plan and budget", "/plan", "cost"),
            Entry("Plans and presets", "/plans", "book", "compute.read", ("/presets",)),
        ),
    ),
    Group(
        "Governance",
        (
            Entry("Approvals", "/approvals", "approval", "approvals.read"),
            Entry("Agent records", "/agent-records", "shield", "governance.read"),
            Entry("Agent limits", "/agent-limits", "clock", "governance.read"),
            Entry("Policy test", "/policy-test", "play", "governance.write"),
            Entry("Policies in shadow", "/shadow", "search", "governance.read"),
            Entry("Stops", "/stops", "warning", "governance.read"),
            Entry("Escalations", "/escalations", "bell", "governance.read"),
        ),
    ),
    Group(
        "Tools and knowledge",
        (
            # What agents reach and read beside models.
            Entry("MCP services", "/mcp-services", "service", "governance.read"),
            Entry("Calls of tools", "/mcp-calls", "request", "governance.read"),
            Entry("Notes", "/notes", "book", "notes.read"),
            Entry("Objects", "/objects", "search", "objects.read"),
            Entry("Buckets", "/buckets", "backup", "governance.read"),
        ),
    ),
    Group(
        "Projects",
        (
            # Projects and their services, routes, certificates.
            Entry("Projects", "/projects", "project", "projects.read", ("/registries",)),
            Entry("Services", "/services", "service", "projects.read", ("/orphans", "/deployments", "/builds")),
            Entry("Routes", "/routes", "route", "projects.read", ("/proxy",)),
            Entry("Domains", "/domains", "external", "projects.admin"),
            Entry("Certificates", "/certificates", "shield", "projects.admin"),
            Entry("Environments", "/environments", "book", "projects.read"),
        ),
    ),
    Group(
        "Fleet",
        (
            # Hosts and the credentials they share.
            Entry("Hosts", "/hosts", "host", "fleet.read"),
            Entry("Pools", "/pools", "lock", "fleet.read"),
            Entry("Files of hosts", "/fleet/files", "book", "fleet.read"),
            Entry("Use of the fleet", "/fleet/usage", "cost", "fleet.read"),
            Entry("Alerts", "/alerts", "bell", "fleet.read"),
            Entry("Versions", "/fleet/versions", "download", "fleet.read"),
        ),
    ),
    Group(
        "Administration",
        (
            Entry("Users", "/users", "users", "users.read"),
            Entry("Tenants", "/tenants", "tenant", "tenants.read"),
            Entry("Tokens", "/tokens", "key", "tokens.read"),
            Entry("Audit log", "/audit", "log", "audit.read"),
            Entry("Backups", "/backups", "backup", "audit.read"),
            Entry("Settings", "/settings", "settings", "configuration.read"),
        ),
    ),
)


# What can be done without looking for the place first. A room adds its lines as it adds pages.
ACTIONS: Final = (
    Entry("Create an API key", "/keys/new", "plus"),
    Entry("Add a provider", "/providers/new", "plus", "providers.write"),
    Entry("Set a price", "/prices/new", "plus", "prices.write"),
    Entry("The price book", "/prices", "cost", "prices.read"),
    Entry("Import a price list", "/price-lists/import", "download", "prices.write"),
    Entry("Prices to confirm", "/pending-prices", "approval", "prices.read"),
    Entry("First steps: from a provider to a first request", "/start", "play"),
    Entry("Your account, password and sessions", "/account", "user"),
    Entry("Make an account for somebody", "/users/new", "plus", "users.write"),
    Entry("Book a payment", "/ledger/top-up", "plus", "ledger.write"),
    Entry("Requests that were kept whole", "/captures", "request", "captures.read"),
    Entry("Adjust a balance", "/ledger/adjust", "ledger", "ledger.write"),
    Entry("Create an agent", "/agents/new", "plus"),
    Entry("Set this month's budget for machines", "/plan", "cost"),
    Entry("Make a plan", "/plans/new", "plus", "compute.write"),
    Entry("Make a machine preset", "/presets/new", "plus", "compute.write"),
    Entry("Look for machines that nobody answers for", "/machines/orphans", "search", "compute.read"),
    Entry("Make a project", "/projects/new", "plus", "projects.write"),
    Entry("See what became of what was deleted", "/projects/removals", "trash", "projects.read"),
    Entry("Add a certificate", "/certificates/new", "plus", "projects.admin"),
    Entry("Look for containers that no service answers for", "/orphans", "search", "projects.admin"),
    Entry("Make a shared environment", "/environments/new", "plus", "projects.write"),
    Entry("Add a registry of images", "/registries/new", "plus", "projects.admin"),
    Entry("Look at the proxy, or lock projects down", "/proxy", "lock", "projects.admin"),
    Entry("Enrol a host", "/hosts/new", "plus", "fleet.write"),
    Entry("Make a pool", "/pools/new", "plus", "fleet.write"),
    Entry("Make a token for a program", "/tokens/new", "plus", "tokens.write"),
    Entry("Make an agent record", "/agent-records/new", "plus", "governance.write"),
    Entry("Limit a role of agents", "/agent-limits/new", "plus", "governance.write"),
    Entry("Add an MCP server", "/mcp-services/new", "plus", "governance.write"),
    Entry("Write a note for agents", "/notes/new", "plus", "notes.write"),
    Entry("Add a bucket of objects", "/buckets/new", "plus", "governance.write"),
    Entry("Stop an agent, a tenant or everything", "/stops", "warning", "governance.write"),
)


def seen_by(may: Callable[[Permission], bool]) -> Sequence[Group]:
    """The groups with the entries that somebody may see."""
    groups = (
        dataclasses.replace(group, entries=tuple(entry for entry in group.entries if may(entry.permission)))
        for group in NAVIGATION
    )
    return [group for group in groups if group.entries]
