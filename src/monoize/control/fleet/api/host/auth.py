"""/auth: the one call by which a host keeps its credential in step, and DELETE, by which it takes its leave."""

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Query
from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response

from monoize.base.clock import utc_now
from monoize.control.edge.routers import Router
from monoize.control.fleet.actions import credentials, hosts, payloads, usage, validation
from monoize.control.fleet.actions.credentials import Judged, Offer, Told
from monoize.control.fleet.api.host.bodies import Sync, sync_of
from monoize.control.fleet.api.host.caller import HostCaller, HostCallerHere, HostRoute, ok
from monoize.control.fleet.drivers.courier_script import courier_script
from monoize.control.fleet.drivers.validation import Verdict
from monoize.control.fleet.errors import CanonicalInvalid, HostCallInvalid
from monoize.control.fleet.model import dates, documents, json_text
from monoize.control.fleet.model.documents import BadDocument, Credential
from monoize.control.fleet.model.hosts import Host
from monoize.control.fleet.model.judgement import Version
from monoize.control.fleet.model.pools import Pool
from monoize.control.fleet.model.tools import TOOLS
from monoize.control.fleet.model.versions_block import Wrapper, versions_block

router = Router(route_class=HostRoute)

_data = TypeAdapter(dict[str, Any])


@router.post("/auth")
async def sync(request: Request, caller: HostCallerHere) -> Response:
    asked, document = sync_of(await request.body())
    now = utc_now()
    if asked.command == "retrieve":
        held = _held(asked, caller.pool, now)
        caller = await caller.admit(installation_id=asked.installation_id)
        return await _trusting(caller, _retrieved(caller, held, _told(request, asked, now)))
    credentials.check_may_store(caller.pool)
    offered = _offered(document, caller.pool, now)
    caller = await caller.admit(installation_id=asked.installation_id)
    offer = Offer(offered, asked.base_digest)
    return await _trusting(caller, _stored(caller, offer, _told(request, asked, now)))


@router.delete("/auth")
async def leave(caller: HostCallerHere, force: Annotated[str, Query(max_length=16)] = "0") -> Response:
    caller = await caller.admit(forced=force != "0", windowed=False)
    async with caller.change() as change:
        await hosts.delete_host(change, str(caller.host.id))
    return ok({"deleted": caller.host.fqdn})


async def _trusting(caller: HostCaller, answered: Any) -> Response:
    """A credential that cannot be trusted is refused to everybody, and somebody has to hear of it."""
    try:
        response: Response = await answered
    except CanonicalInvalid:
        await payloads.tell_of_broken(caller.house.database, caller.pool)
        raise
    return response


async def _retrieved(caller: HostCaller, held: Version, told: Told) -> Response:
    house, pool, host = caller.house, caller.pool, caller.host
    async with house.database.read() as tx:
        judged = await credentials.retrieve(tx, house.seal, pool, host, held)
        common = await _common(tx, caller, told.now)
    if credentials.is_routine(host, judged, held, told):
        caller.fleet.sightings.note(host.id, told.now)
    elif judged.document is None:
        async with house.database.write() as tx:
            await credentials.take_note(tx, host, judged, held, told)
    else:
        async with caller.change() as change:
            await credentials.take_note(change.tx, host, judged, held, told)
            credentials.record_read(change, pool, host, judged)
    return _answer(judged, common)


async def _stored(caller: HostCaller, offer: Offer, told: Told) -> Response:
    house, pool, host = caller.house, caller.pool, caller.host
    verdict, runner_applied = None, False
    if pool.validation == "required":
        verdict, offer, runner_applied = await _vouched(caller, offer)
    async with caller.change() as change:
        judged = await credentials.store(change, house.seal, pool, host, offer, told)
    async with house.database.read() as tx:
        common = await _common(tx, caller, told.now)
    validated = {} if verdict is None else {"validation": _shown_verdict(verdict)}
    return _answer(judged, {**common, "runner_applied": runner_applied, **validated})


async def _vouched(caller: HostCaller, offer: Offer) -> tuple[Verdict | None, Offer, bool]:
    """Before the lock is taken, since it takes seconds; what would not become canonical is not tried out."""
    house, pool, host = caller.house, caller.pool, caller.host
    async with house.database.read() as tx:
        candidate = await credentials.would_replace(tx, house.seal, pool, host, offer)
    if candidate is None:
        return None, offer, False
    verdict, left = await caller.fleet.validator.vouch(pool, candidate, host.fqdn)
    vouched = dataclasses.replace(offer, vouched=True)
    if left is candidate:
        return verdict, vouched, False
    return verdict, dataclasses.replace(vouched, credential=credentials.as_offered(pool, host, left)), True


async def _common(tx: Any, caller: HostCaller, now: dt.datetime) -> dict[str, Any]:
    pool, host = caller.pool, caller.host
    standing = await caller.fleet.standings.of(tx, pool, now)
    courier = courier_script()
    calls = host.api_calls + caller.fleet.sightings.calls_of(host.id) + 1
    block = versions_block(
        await caller.fleet.published.current(),
        pool,
        host,
        Wrapper(courier.version, courier.sha256),
        await validation.state_of(tx, pool),
    )
    return {
        "pool": {"id": pool.id, "name": pool.name, "tool": pool.tool, "mode": pool.mode},
        "host": _shown_host(host, calls),
        "api_calls": calls,
        "token_usage_month": await usage.month_of(tx, host.id, now),
        "versions": block,
        **dataclasses.asdict(standing.for_vip() if host.vip else standing),
        "cdx_silent": pool.silent,
    }


def _answer(judged: Judged, common: Mapping[str, Any]) -> Response:
    canonical = judged.view.version if judged.view else None
    data = {
        "status": judged.status,
        **({"action": "store"} if judged.status in ("missing", "upload_required") else {}),
        "canonical_digest": canonical and canonical.digest,
        "canonical_last_refresh": canonical and dates.written(canonical.moment),
        "digest_alg": json_text.DIGEST_ALGORITHM,
        **common,
    }
    body = _data.dump_json(data)
    if judged.document is not None:
        # As it was digested: any other writer would change its numbers.
        body = body[:-1] + b',"auth":' + json_text.write(judged.document).encode() + b"}"
    return Response(b'{"status":"ok","data":' + body + b"}", media_type="application/json")


def _held(asked: Sync, pool: Pool, now: dt.datetime) -> Version:
    digest, text = asked.shown_digest, asked.last_refresh
    missing = [name for name, value in (("digest", digest), ("last_refresh", text)) if value is None]
    if digest is None or text is None:
        raise _refused((f"/body/{name}", "is needed to retrieve") for name in missing)
    try:
        return Version(digest, dates.plausible(dates.instant(text), now, TOOLS[pool.tool].ahead_most))
    except ValueError as problem:
        raise _refused([("/body/last_refresh", str(problem))]) from None


def _offered(document: Any, pool: Pool, now: dt.datetime) -> Credential:
    tool = TOOLS[pool.tool]
    try:
        credential = documents.read(document, tool)
        documents.check_date(credential, tool, now)
    except BadDocument as problem:
        raise _refused([(f"/body/auth{problem.pointer}", problem.message)]) from None
    return credential


def _refused(found: Any) -> HostCallInvalid:
    return HostCallInvalid(errors=[{"pointer": pointer, "message": message} for pointer, message in found])


def _told(request: Request, asked: Sync, now: dt.datetime) -> Told:
    """Older couriers tell their versions in the address."""
    query = request.query_params
    client = asked.client_version or query.get("client_version") or query.get("cdx_version")
    wrapper = asked.wrapper_version or query.get("wrapper_version")
    return Told(now, client and client[:64], wrapper and wrapper[:64])


def _shown_host(host: Host, calls: int) -> dict[str, Any]:
    return {
        "fqdn": host.fqdn,
        "status": host.status,
        "last_refresh": host.last_refresh,
        "updated_at": host.updated_at,
        "expires_at": host.expires_at,
        "client_version": host.client_version,
        "client_version_override": host.client_version_override,
        "wrapper_version": host.wrapper_version,
        "api_calls": calls,
        "allow_roaming_ips": host.roaming,
        "secure": host.secure,
        "vip": host.vip,
        "insecure_enabled_until": host.insecure_enabled_until,
        "insecure_window_minutes": host.insecure_window_minutes,
        "model_override": host.model_override,
        "reasoning_effort_override": host.reasoning_effort_override,
    }


def _shown_verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "status": "ok" if verdict.works else "fail",
        "reason": verdict.reason,
        "latency_ms": verdict.latency_ms,
        "reachable": True,
        "codex_version": verdict.codex_version,
    }
