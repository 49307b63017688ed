"""What somebody finds by typing a part of its name: pages, actions, and what the rooms hold, of what they may see.

Every kind is asked for a few, by one query that stops there. A kind that has no page is not looked for: a finding
that leads nowhere is none.
"""

import dataclasses
import functools
import re
from collections.abc import AsyncIterator, Sequence
from typing import Final

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from monoize.control.catalog.actions import providers
from monoize.control.compute.actions import agents, power
from monoize.control.edge.house import House
from monoize.control.edge.wire import PAGE_MOST, Window
from monoize.control.fleet.actions import hosts
from monoize.control.fleet.actions.hosts import HostFilter
from monoize.control.identity.actions import keys, users
from monoize.control.projects.actions import services
from monoize.dashboard.navigation import ACTIONS, NAVIGATION
from monoize.dashboard.session import Person
from monoize.infra.db import Tx
from monoize.infra.matching import TEXT_CHARS_MOST

OF_A_KIND_MOST: Final = 5
_FEW: Final = Window(OF_A_KIND_MOST, None)
_ALL: Final = Window(PAGE_MOST, None)


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    kind: str
    title: str
    detail: str
    href: str
    icon: str


async def search(tx: Tx, app: FastAPI, house: House, person: Person, text: str) -> Sequence[Found]:
    """Without a text: every page and every action."""
    text = text.strip()[:TEXT_CHARS_MOST]
    found = [*_pages(person, text), *_actions(person, text)]
    if text:
        found += [one async for one in _things(tx, _Ways(app), house, person, text)]
    return found


def _pages(person: Person, text: str) -> list[Found]:
    return [
        Found("Page", entry.label, group.title, entry.path, entry.icon)
        for group in NAVIGATION
        for entry in group.entries
        if person.may(entry.permission) and says(f"{group.title} {entry.label}", text)
    ]


def _actions(person: Person, text: str) -> list[Found]:
    return [
        Found("Action", entry.label, "", entry.path, entry.icon)
        for entry in ACTIONS
        if person.may(entry.permission) and says(entry.label, text)
    ]


def says(label: str, text: str) -> bool:
    """Whether all the words of `text` are in it, in any order."""
    return all(word in label.lower() for word in text.lower().split())


async def _things(tx: Tx, ways: "_Ways", house: House, person: Person, text: str) -> AsyncIterator[Found]:
    may, own = person.may, person.user_id
    if way := ways.to("/keys"):
        whose = None if may("keys.read") and ways.has("/keys/{}") else own
        for key in (await keys.list_keys(tx, _FEW, user_id=whose, containing=text)).items:
            yield Found("API key", key.name, f"{key.key_prefix}…", way(key.id), "key")
    if may("users.read") and (way := ways.to("/users")):
        for user in (await users.list_users(tx, _FEW, containing=text)).items:
            yield Found("User", user.username, user.email or "", way(user.id), "user")
    if may("providers.read") and (ways.to("/providers") or ways.to("/models")):
        async for one in _models_and_providers(tx, ways, house, text):
            yield one
    if way := ways.to("/agents"):
        whose = None if may("compute.read") else own
        for agent in (await agents.list_agents(tx, _FEW, user_id=whose, containing=text)).items:
            yield Found("Agent", agent.name, "", way(agent.id), "agent")
    if way := ways.to("/machines"):
        whose = None if may("compute.read") else own
        for shown in (await power.list_machines(tx, _FEW, user_id=whose, containing=text)).items:
            yield Found("Machine", shown.name, shown.state, way(shown.id), "machine")
    if may("projects.read") and (way := ways.to("/services")):
        visible = person.call.principal.projects
        page = await services.list_services(tx, _FEW, project_id=None, visible=visible, containing=text)
        for service in page.items:
            yield Found("Service", service.name, service.project_name, way(str(service.id)), "service")
    if may("fleet.read") and (way := ways.to("/hosts")):
        for host in (await hosts.list_hosts(tx, _FEW, HostFilter(name=text))).items:
            yield Found("Host", host.fqdn, host.status, way(str(host.id)), "host")


async def _models_and_providers(tx: Tx, ways: "_Ways", house: House, text: str) -> AsyncIterator[Found]:
    page = await providers.list_providers(tx, house.seal, _ALL)
    if way := ways.to("/providers"):
        named = [view.record for view in page.items if says(view.record.name, text)]
        for record in named[:OF_A_KIND_MOST]:
            yield Found("Provider", record.name, record.type, way(record.id), "provider")
    if way := ways.to("/models"):
        models = {entry.name for view in page.items for entry in view.record.models if says(entry.name, text)}
        for name in sorted(models)[:OF_A_KIND_MOST]:
            yield Found("Model", name, "", way(name), "model")


@dataclasses.dataclass(frozen=True, slots=True)
class _Way:
    listing: str
    has_detail: bool

    def __call__(self, id: str) -> str:
        return f"{self.listing}/{id}" if self.has_detail else self.listing


class _Ways:
    """Which pages there are: one for a thing itself, or for the list that it stands in."""

    def __init__(self, app: FastAPI) -> None:
        self._paths = _paths(app)

    def has(self, path: str) -> bool:
        return path in self._paths

    def to(self, listing: str) -> _Way | None:
        return _Way(listing, self.has(f"{listing}/{{}}")) if self.has(listing) else None


@functools.lru_cache(maxsize=8)
def _paths(app: FastAPI) -> frozenset[str]:
    """What can be looked at, with {} for every id."""
    return frozenset(
        re.sub(r"{[\w:]+}", "{}", route.path)
        for route in iter_route_contexts(app.routes)
        if route.path and "GET" in (route.methods or ())
    )
