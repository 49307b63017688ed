"""/buckets: object stores that speak S3, whose objects are listed now and then."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from monoize.base.errors import NotFound, Refusal
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.edge.windows import uuid_window
from monoize.control.edge.wire import Uuid, Window
from monoize.control.governance.actions import buckets
from monoize.control.governance.api.buckets import BucketCreate, BucketUpdate
from monoize.control.governance.api.here import GovernanceHere
from monoize.control.governance.model.inventory import Bucket
from monoize.control.identity.actions import tenants
from monoize.control.identity.model import DEFAULT_TENANT_ID
from monoize.dashboard.amounts import whole
from monoize.dashboard.destroying import Doomed, ask_name, check_name
from monoize.dashboard.forms import Form, checked, read_form
from monoize.dashboard.page import page_router
from monoize.dashboard.pages.governance.visit import BUCKETS, Reader, Writer, inventory_ways
from monoize.dashboard.render import next_address, render, see_other

router = page_router()

_ALL: Final = Window(200, None)
_EVERY: Final = "Use seconds from 60 to 604800."
_EXPECTED: Final[Mapping[str, str]] = {
    "name": "Use the name of the bucket: lower-case letters, digits, dots and dashes.",
    "endpoint": "Use an address such as https://s3.example.com, without a path.",
    "region": "Use the name of a region, such as eu-central-1; auto where there is none.",
    "prefix": "Use 512 characters at most.",
    "access_key_id": "Use the id of an access key, without commas and blanks.",
    "secret": "Use 512 characters at most, without blanks.",
    "tenant_id": "Choose one of these.",
    "sync_every_s": _EVERY,
}


@router.get(BUCKETS)
async def show(
    request: Request, house: HouseHere, person: Reader, window: Annotated[Window, Depends(uuid_window)]
) -> Response:
    async with house.database.read() as tx:
        page = await buckets.list_buckets(tx, window)
    return render(
        request,
        "governance/buckets.html",
        buckets=page.items,
        tabs=inventory_ways(person),
        next_address=next_address(request, BUCKETS, page),
    )


@router.get("/buckets/new")
async def ask(request: Request, house: HouseHere, person: Writer) -> Response:
    return await _form(request, house, Form({"region": "auto", "sync_every_s": "3600", "enabled": "yes"}))


@router.post(BUCKETS)
async def create(request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    try:
        body = checked(
            BucketCreate,
            _EXPECTED,
            name=form.text("name"),
            prefix=form.text("prefix"),
            tenant_id=form.text("tenant_id"),
            secret=form.password("secret"),
            **_entered(form),
        )
        tenant_id = body.tenant_id or person.call.principal.tenant_id or DEFAULT_TENANT_ID
        async with house.audit_log.change(person.call) as change:
            made = await buckets.create_bucket(
                change, house.seal, tenant_id, body.model_dump(exclude={"tenant_id"})
            )
    except Refusal as refusal:
        return await _form(request, house, form.refused(refusal))
    return see_other(f"{BUCKETS}/{made.id}?done=bucket_created")


@router.get("/buckets/{bucket_id}")
async def show_one(bucket_id: Uuid, request: Request, house: HouseHere, person: Reader) -> Response:
    return await _one(request, house, bucket_id)


@router.get("/buckets/{bucket_id}/edit")
async def ask_edit(bucket_id: Uuid, request: Request, house: HouseHere, person: Writer) -> Response:
    bucket = await _find(house, bucket_id)
    return await _form(request, house, _shown(bucket), bucket)


@router.post("/buckets/{bucket_id}/edit")
async def edit(bucket_id: Uuid, request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    bucket = await _find(house, bucket_id)
    try:
        secret = form.password("secret")
        # Nothing entered leaves the secret as it is.
        body = checked(BucketUpdate, _EXPECTED, **_entered(form), **({} if secret is None else {"secret": secret}))
        async with house.audit_log.change(person.call) as change:
            await buckets.update_bucket(change, house.seal, bucket_id, body.sent())
    except Refusal as refusal:
        return await _form(request, house, form.refused(refusal), bucket)
    return see_other(f"{BUCKETS}/{bucket_id}?done=bucket_saved")


@router.post("/buckets/{bucket_id}/sync")
async def sync(
    bucket_id: Uuid, request: Request, house: HouseHere, governance: GovernanceHere, person: Writer
) -> Response:
    """List it now, all of it."""
    try:
        await governance.syncer.sync(bucket_id)
    except NotFound:
        raise
    except Refusal as refusal:
        return await _one(request, house, bucket_id, refusal)
    async with house.audit_log.change(person.call) as change:
        await buckets.synced(change, bucket_id)
    return see_other(f"{BUCKETS}/{bucket_id}?done=bucket_synced")


@router.get("/buckets/{bucket_id}/delete")
async def ask_delete(bucket_id: Uuid, request: Request, house: HouseHere, person: Writer) -> Response:
    return ask_name(request, _doomed(await _find(house, bucket_id)))


@router.post("/buckets/{bucket_id}/delete")
async def delete(bucket_id: Uuid, request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    doomed = _doomed(await _find(house, bucket_id))
    try:
        check_name(form, doomed)
        async with house.audit_log.change(person.call) as change:
            await buckets.delete_bucket(change, bucket_id)
    except Refusal as refusal:
        return ask_name(request, doomed, form.refused(refusal))
    return see_other(f"{BUCKETS}?done=bucket_deleted")


def _doomed(bucket: Bucket) -> Doomed:
    gone = "What is known of its objects is forgotten. Nothing in the store itself is touched."
    at = f"{BUCKETS}/{bucket.id}"
    return Doomed("bucket", bucket.name, gone, f"{at}/delete", at)


def _entered(form: Form) -> dict[str, Any]:
    """What can be changed later as well, but for the secret."""
    return {
        "endpoint": form.text("endpoint"),
        "region": form.text("region") or "auto",
        "access_key_id": form.text("access_key_id"),
        "private_network": bool(form.shown("private_network")),
        "enabled": bool(form.shown("enabled")),
        "sync_every_s": whole(form, "sync_every_s", _EVERY),
    }


def _shown(bucket: Bucket) -> Form:
    return Form(
        {
            "endpoint": bucket.endpoint,
            "region": bucket.region,
            "access_key_id": bucket.access_key_id,
            "private_network": "yes" if bucket.private_network else "",
            "enabled": "yes" if bucket.enabled else "",
            "sync_every_s": str(bucket.sync_every_s),
        }
    )


async def _form(request: Request, house: House, form: Form, bucket: Bucket | None = None) -> Response:
    """Of a new one, or of one that is there, whose name and tenant stay."""
    async with house.database.read() as tx:
        known = (await tenants.list_tenants(tx, _ALL)).items
    return render(
        request,
        "governance/bucket_form.html",
        form=form,
        refusal=form.refusal,
        bucket=bucket,
        tenants=[("", "My own tenant"), *((tenant.id, tenant.name) for tenant in known)],
    )


async def _one(request: Request, house: House, bucket_id: str, refusal: Refusal | None = None) -> Response:
    return render(request, "governance/bucket.html", bucket=await _find(house, bucket_id), refusal=refusal)


async def _find(house: House, bucket_id: str) -> Bucket:
    async with house.database.read() as tx:
        return await buckets.get_bucket(tx, bucket_id)
