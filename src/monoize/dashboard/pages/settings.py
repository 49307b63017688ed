"""/settings: what can be changed while it runs, with where, and what this process was set to when it started."""

from collections.abc import Sequence
from typing import Annotated, Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from monoize.base.errors import Refusal
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.edge.wire import PAGE_MOST, Window
from monoize.control.fleet.api.here import FleetHere
from monoize.control.fleet.services import Fleet
from monoize.control.governance.actions import stops
from monoize.control.identity.actions import users
from monoize.control.identity.api.entrance import bound_attempts
from monoize.control.identity.api.here import IdentityHere
from monoize.control.identity.errors import MailUnavailable
from monoize.control.identity.services import Identity
from monoize.control.projects.actions import lockdown
from monoize.dashboard.page import page_router
from monoize.dashboard.render import render, see_other
from monoize.dashboard.session import Person, permitted
from monoize.infra.settings import PREFIX, shown

router = page_router()

_ALL: Final = Window(PAGE_MOST, None)

Reader = Annotated[Person, permitted("configuration.read")]
Writer = Annotated[Person, permitted("configuration.write")]


class Switch(NamedTuple):
    """Something that holds at once and for every process; `href` is where it is changed."""

    title: str
    state: str
    tone: str
    href: str


@router.get("/settings")
async def show(
    request: Request, house: HouseHere, identity: IdentityHere, fleet: FleetHere, person: Reader
) -> Response:
    return await _show(request, house, identity, fleet, person)


@router.post("/settings/test-mail")
async def send_test_mail(
    request: Request, house: HouseHere, identity: IdentityHere, fleet: FleetHere, person: Writer
) -> Response:
    """To the address of whoever asks, so that nobody else is written to."""
    async with house.database.read() as tx:
        user = await users.get_user(tx, person.user_id)
    try:
        if user.email is None:
            raise MailUnavailable("Your account has no address.", hint="Add one on the page of your account.")
        await bound_attempts(request, house)
        text = "This is the mail that you asked for on the settings page. Mail from Monoize arrives.\n"
        await identity.mailer.send(user.email, "A test mail from Monoize", text)
    except Refusal as refusal:
        return await _show(request, house, identity, fleet, person, refusal)
    return see_other("/settings?done=test_mail_sent")


async def _show(
    request: Request, house: House, identity: Identity, fleet: Fleet, person: Person, refusal: Refusal | None = None
) -> Response:
    found = list(shown(house.settings))
    return render(
        request,
        "settings/settings.html",
        refusal=refusal,
        switches=await _switches(house, fleet),
        mail_configured=identity.mailer.configured,
        may_change=person.may("configuration.write"),
        sign_in=sorted(identity.providers),
        prefix=PREFIX,
        chosen=[each for each in found if not each.is_default],
        defaults=[each for each in found if each.is_default],
    )


async def _switches(house: House, fleet: Fleet) -> Sequence[Switch]:
    async with house.database.read() as tx:
        locked = await lockdown.standing(tx)
        stopped = (await stops.list_stops(tx, _ALL)).items
    told = await fleet.published.current()
    return (
        Switch(
            "Kill switch",
            f"{len(stopped)} stopped" if stopped else "nothing is stopped",
            _tone(bool(stopped)),
            "/stops",
        ),
        Switch(
            "Lockdown of projects",
            f"locked down: {locked.reason}" if locked.locked else "open",
            _tone(locked.locked),
            "/proxy",
        ),
        Switch(
            "API of the fleet's hosts",
            "switched off" if told.api_disabled else "on",
            _tone(told.api_disabled),
            "/fleet/versions",
        ),
        Switch(
            "Versions that hosts are told",
            _versions(told.client_lock, told.client_available),
            "",
            "/fleet/versions",
        ),
        Switch("Redirects, suffixes and transforms of all requests", "", "", "/routing"),
        Switch("Plans and presets of machines", "", "", "/plans"),
        Switch("Limits of roles of agents", "", "", "/agent-limits"),
        Switch("Baselines for all agents", "", "", "/agent-records"),
    )


def _tone(is_amiss: bool) -> str:
    return "bad" if is_amiss else "good"


def _versions(lock: str | None, available: str | None) -> str:
    if lock:
        return f"held at {lock}"
    return f"{available} is available" if available else "none is named"
