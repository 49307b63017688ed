"""What the fleet keeps running between requests: who knows its hosts, and what holds for all of them."""

import dataclasses

from starlette.requests import HTTPConnection

from monoize.control.edge.house import House
from monoize.control.fleet.actions.published import PublishedFacts, open_published
from monoize.control.fleet.actions.quota import Standings
from monoize.control.fleet.actions.sightings import Sightings
from monoize.control.fleet.actions.validation import Validator, make_validator
from monoize.control.fleet.authenticator import HostAuthenticator
from monoize.control.fleet.drivers.account_usage import AccountUsage


@dataclasses.dataclass(frozen=True, slots=True)
class Fleet:
    published: PublishedFacts
    authenticator: HostAuthenticator
    account_usage: AccountUsage
    standings: Standings
    sightings: Sightings
    validator: Validator


async def open_fleet(house: House) -> Fleet:
    published = await open_published(house.database)
    standings = Standings()
    house.audit_log.observe(published.changed)
    house.audit_log.observe(standings.changed)
    return Fleet(
        published=published,
        authenticator=HostAuthenticator(house.database, house.counters, published),
        account_usage=AccountUsage(house.settings.fleet_account_url),
        standings=standings,
        sightings=Sightings(house.database),
        validator=make_validator(house),
    )


def fleet_of(connection: HTTPConnection) -> Fleet:
    fleet: Fleet = connection.app.state.fleet
    return fleet
