"""/api/certificates: those that were brought along, and those that an authority issues to us."""

from typing import Annotated, Literal, Self

from fastapi import Depends, Query
from pydantic import Field, model_validator
from starlette.responses import Response

from monoize.base.clock import utc_now
from monoize.base.principal import Call
from monoize.control.edge.caller import Mutation, mutates, requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.edge.windows import number_window
from monoize.control.edge.wire import STORABLE, Page, Window, Wire
from monoize.control.projects.actions import certificates
from monoize.control.projects.api.here import ProxyHere
from monoize.control.projects.api.routes import Domain
from monoize.control.projects.api.variables import Id
from monoize.control.projects.model.certificates import PEM_CHARS_MOST, Certificate

router = Router(prefix="/certificates", tags=["certificates"])

Pem = Annotated[str, Field(min_length=1, max_length=PEM_CHARS_MOST), STORABLE]


class CertificateReplace(Wire):
    """The certificate itself first, then those between it and its authority."""

    cert_pem: Pem
    key_pem: Pem = Field(repr=False)


class CertificateCreate(Wire):
    """One that is `uploaded` comes with its chain and its key; one of `acme` is issued to us and renewed."""

    domain: Domain
    type: Literal["uploaded", "acme"]
    cert_pem: Pem | None = None
    key_pem: Pem | None = Field(None, repr=False)
    auto_renew: bool = True

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.type == "uploaded") is not bool(self.cert_pem and self.key_pem):
            raise ValueError("cert_pem and key_pem belong to a certificate that is uploaded, and to no other")
        return self


@router.get("")
async def list_certificates(
    house: HouseHere,
    window: Annotated[Window, Depends(number_window)],
    call: Annotated[Call, requires("projects.admin")],
    domain: Annotated[Domain | None, Query()] = None,
) -> Page[Certificate]:
    async with house.database.read() as tx:
        return await certificates.list_certificates(tx, window, domain)


@router.post("", status_code=201, response_model=Certificate)
async def create_certificate(
    body: CertificateCreate,
    proxy: ProxyHere,
    mutation: Annotated[Mutation, mutates("projects.admin")],
) -> Response:
    house, now = mutation.house, utc_now()
    chain, key = body.cert_pem, body.key_pem
    if chain is None or key is None:
        return await mutation.run(
            lambda change: certificates.order(change, body.domain, house.settings, auto_renew=body.auto_renew),
            status=201,
        )
    answer = await mutation.run(
        lambda change: certificates.upload(change, house.seal, body.domain, chain, key, now), status=201
    )
    await proxy.follow()
    return answer


@router.get("/{certificate_id}")
async def get_certificate(
    certificate_id: Id, house: HouseHere, call: Annotated[Call, requires("projects.admin")]
) -> Certificate:
    async with house.database.read() as tx:
        return await certificates.get_certificate(tx, certificate_id)


@router.put("/{certificate_id}", response_model=Certificate)
async def replace_certificate(
    certificate_id: Id,
    body: CertificateReplace,
    proxy: ProxyHere,
    mutation: Annotated[Mutation, mutates("projects.admin")],
) -> Response:
    seal, now = mutation.house.seal, utc_now()
    answer = await mutation.run(
        lambda change: certificates.replace(change, seal, certificate_id, body.cert_pem, body.key_pem, now)
    )
    await proxy.follow()
    return answer


@router.post("/{certificate_id}/renew", status_code=202, response_model=Certificate)
async def renew_certificate(
    certificate_id: Id, mutation: Annotated[Mutation, mutates("projects.admin")]
) -> Response:
    """Have it issued anew; what came of it shows in the certificate."""
    return await mutation.run(lambda change: certificates.renew(change, certificate_id), status=202)


@router.delete("/{certificate_id}", status_code=204)
async def delete_certificate(
    certificate_id: Id, proxy: ProxyHere, mutation: Annotated[Mutation, mutates("projects.admin")]
) -> Response:
    answer = await mutation.run(lambda change: certificates.delete_certificate(change, certificate_id))
    await proxy.follow()
    return answer
