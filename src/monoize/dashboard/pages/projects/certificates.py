"""/certificates: those that were brought along, and those that an authority issues to us."""

from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from monoize.base.clock import utc_now
from monoize.base.errors import Refusal
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.edge.windows import number_window
from monoize.control.edge.wire import Window
from monoize.control.projects.actions import certificates
from monoize.control.projects.api.certificates import CertificateCreate, CertificateReplace
from monoize.control.projects.api.here import ProxyHere
from monoize.control.projects.api.variables import Id
from monoize.control.projects.model.certificates import Certificate
from monoize.dashboard.destroying import Doomed, ask_name, check_name
from monoize.dashboard.forms import Form, checked, read_form
from monoize.dashboard.page import page_router
from monoize.dashboard.pages.projects.visit import Administrator, routing_ways
from monoize.dashboard.pages.projects.words import CERTIFICATES
from monoize.dashboard.render import next_address, render, see_other

router = page_router()

PATH: Final = "/certificates"
_PEM: Final = "Use PEM: the certificate first, then those between it and its authority."
_EXPECTED: Final[Mapping[str, str]] = {
    "domain": "Use a name such as app.example.com.",
    "cert_pem": _PEM,
    "key_pem": "Use a private key in PEM.",
}


@router.get(PATH)
async def show(
    request: Request, house: HouseHere, person: Administrator, window: Annotated[Window, Depends(number_window)]
) -> Response:
    async with house.database.read() as tx:
        page = await certificates.list_certificates(tx, window, None)
    return render(
        request,
        "projects/certificates.html",
        certificates=page.items,
        certificate_said=CERTIFICATES,
        tabs=routing_ways(person),
        next_address=next_address(request, PATH, page),
    )


@router.get("/certificates/new")
async def ask(request: Request, person: Administrator) -> Response:
    return render(request, "projects/certificate_new.html", form=Form({"auto_renew": "yes"}))


@router.post(PATH)
async def order(request: Request, house: HouseHere, person: Administrator) -> Response:
    """From an authority, which issues it to us."""
    form = await read_form(request)
    try:
        auto_renew = bool(form.shown("auto_renew"))
        body = checked(CertificateCreate, _EXPECTED, domain=form.text("domain"), type="acme", auto_renew=auto_renew)
        async with house.audit_log.change(person.call) as change:
            await certificates.order(change, body.domain, house.settings, auto_renew=body.auto_renew)
    except Refusal as refusal:
        return render(request, "projects/certificate_new.html", form=form.refused(refusal), refusal=refusal)
    return see_other("/certificates?done=certificate_ordered")


@router.post("/certificates/upload")
async def upload(request: Request, house: HouseHere, proxy: ProxyHere, person: Administrator) -> Response:
    form = await read_form(request)
    try:
        body = checked(CertificateReplace, _EXPECTED, **_pems(form))
        named = checked(CertificateCreate, _EXPECTED, domain=form.text("domain"), type="acme")
        async with house.audit_log.change(person.call) as change:
            await certificates.upload(change, house.seal, named.domain, body.cert_pem, body.key_pem, utc_now())
        await proxy.follow()
    except Refusal as refusal:
        return _upload_refused(request, form, refusal)
    return see_other("/certificates?done=certificate_uploaded")


@router.post("/certificates/{certificate_id}/renew")
async def renew(certificate_id: Id, house: HouseHere, person: Administrator) -> Response:
    async with house.audit_log.change(person.call) as change:
        await certificates.renew(change, certificate_id)
    return see_other("/certificates?done=certificate_renewing")


@router.get("/certificates/{certificate_id}/delete")
async def ask_delete(certificate_id: Id, request: Request, house: HouseHere, person: Administrator) -> Response:
    return ask_name(request, _doomed(await _find(house, certificate_id)))


@router.post("/certificates/{certificate_id}/delete")
async def delete(
    certificate_id: Id, request: Request, house: HouseHere, proxy: ProxyHere, person: Administrator
) -> Response:
    form = await read_form(request)
    doomed = _doomed(await _find(house, certificate_id))
    try:
        check_name(form, doomed)
        async with house.audit_log.change(person.call) as change:
            await certificates.delete_certificate(change, certificate_id)
        await proxy.follow()
    except Refusal as refusal:
        return ask_name(request, doomed, form.refused(refusal))
    return see_other("/certificates?done=certificate_deleted")


def _pems(form: Form) -> dict[str, str | None]:
    return {"cert_pem": form.text("cert_pem"), "key_pem": form.text("key_pem")}


def _upload_refused(request: Request, form: Form, refusal: Refusal) -> Response:
    """A key that was entered is not shown again."""
    kept = {"domain": form.shown("domain"), "cert_pem": form.shown("cert_pem"), "auto_renew": "yes"}
    return render(request, "projects/certificate_new.html", form=Form(kept).refused(refusal), refusal=refusal)


def _doomed(certificate: Certificate) -> Doomed:
    gone = "Its key is destroyed. Routes of its domain that want TLS wait for another certificate."
    at = f"/certificates/{certificate.id}/delete"
    return Doomed("certificate", certificate.domain, gone, at, PATH)


async def _find(house: House, certificate_id: int) -> Certificate:
    async with house.database.read() as tx:
        return await certificates.get_certificate(tx, certificate_id)
