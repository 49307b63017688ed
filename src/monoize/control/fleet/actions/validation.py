"""Trying credentials out before they count (`required`) or afterwards (`advisory`), by a runner, off by default.

Only a pool that requires it makes a host wait for the runner, and only for a document that would become canonical.
All else is done in the background. Whatever the runner says, a host is always told whether its own is current.
"""

import dataclasses

import structlog

from monoize.base.clock import utc_now
from monoize.base.ids import new_id
from monoize.base.principal import SYSTEM, Call
from monoize.control.edge.house import House
from monoize.control.fleet.actions import alerts, payloads
from monoize.control.fleet.drivers.validation import Runner, RunnerAway, Verdict
from monoize.control.fleet.errors import (
    CanonicalInvalid,
    NotValidatedHere,
    RunnerRejected,
    RunnerRequired,
    RunnerUnavailable,
)
from monoize.control.fleet.model import documents, validations, views
from monoize.control.fleet.model.alerts import Trouble
from monoize.control.fleet.model.documents import Credential
from monoize.control.fleet.model.payloads import Held
from monoize.control.fleet.model.pools import Pool
from monoize.control.fleet.model.tools import TOOLS
from monoize.control.fleet.model.validations import Validations
from monoize.control.fleet.model.versions_block import RunnerState
from monoize.control.fleet.store import pools as pool_store
from monoize.control.identity.store import versions
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx

log = structlog.get_logger(__name__)


async def state_of(tx: Tx, pool: Pool) -> RunnerState:
    return RunnerState() if pool.validation == "off" else (await _validations(tx, pool)).state


async def ask_for(change: Change, named: str) -> RunnerState:
    """Let the credential be tried out at the next opportunity, whether that is due or not."""
    pool = await pool_store.find(change.tx, named)
    if pool.validation == "off":
        raise NotValidatedHere
    earlier = await _validations(change.tx, pool)
    wanted = dataclasses.replace(earlier, check=None)
    await versions.put(change.tx, validations.name_of(pool.id), validations.written(wanted))
    change.record("credential.ask_validation", "pool", pool.id, name=pool.name)
    return wanted.state


def make_validator(house: House) -> "Validator":
    url = house.settings.fleet_runner_url
    return Validator(house, Runner(url, house.settings.public_url) if url else None)


class Validator:
    def __init__(self, house: House, runner: Runner | None) -> None:
        self._house = house
        self._runner = runner

    async def vouch(self, pool: Pool, credential: Credential, fqdn: str) -> tuple[Verdict, Credential]:
        """That it works, and the document as the runner left it. RunnerRejected, or a reason to try again later."""
        verdict = await self._asked(credential, fqdn)
        if not verdict.works:
            raise RunnerRejected(reason=verdict.reason)
        return verdict, _renewed(pool, credential, verdict) or credential

    async def run(self) -> None:
        """What the clock calls: validate what is due."""
        if self._runner is None:
            return
        async with self._house.database.read() as tx:
            validated = await pool_store.validated(tx)
        for pool in validated:
            try:
                await self._validate_if_due(pool)
            except RunnerUnavailable:
                log.warning("fleet_runner_unavailable", pool=pool.name)
            except CanonicalInvalid:
                await payloads.tell_of_broken(self._house.database, pool)

    async def _validate_if_due(self, pool: Pool) -> None:
        async with self._house.database.read() as tx:
            held = await payloads.canonical(tx, self._house.seal, pool)
            earlier = await _validations(tx, pool)
        if held is not None and earlier.is_due(held.payload.id, utc_now()):
            verdict = await self._asked(held.credential)
            async with self._house.audit_log.change(Call(SYSTEM, new_id())) as change:
                await self._write_down(change, pool, held, verdict)

    async def _write_down(self, change: Change, pool: Pool, held: Held, verdict: Verdict) -> None:
        tx, seal, now = change.tx, self._house.seal, utc_now()
        payload_id = held.payload.id
        still = await payloads.replaceable(tx, seal, pool)
        is_canonical = still is not None and still.payload.id == payload_id
        renewed = _renewed(pool, held.credential, verdict)
        if renewed is not None:
            kept = await payloads.keep(tx, seal, pool, renewed, origin="validation", canonical=is_canonical)
            payload_id = kept.id
        if is_canonical:
            after = (await _validations(tx, pool)).after(payload_id, works=verdict.works, now=now)
            await versions.put(tx, validations.name_of(pool.id), validations.written(after))
            await _tell(tx, pool, verdict)
        change.record(
            "credential.validate",
            "pool",
            pool.id,
            name=pool.name,
            payload_id=payload_id,
            works=verdict.works,
            reason=verdict.reason,
            latency_ms=verdict.latency_ms,
            renewed=renewed is not None,
        )

    async def _asked(self, credential: Credential, fqdn: str | None = None) -> Verdict:
        if self._runner is None:
            raise RunnerRequired
        try:
            return await self._runner.validate(credential.document, fqdn)
        except RunnerAway as problem:
            raise RunnerUnavailable from problem


async def _tell(tx: Tx, pool: Pool, verdict: Verdict) -> None:
    now = utc_now()
    if verdict.works:
        await alerts.settle(tx, "validation_failing", pool.name, now)
        return
    details = {"reason": verdict.reason}
    trouble = Trouble(kind="validation_failing", subject=pool.name, pool_id=pool.id, details=details)
    await alerts.raise_alert(tx, trouble, now)


async def _validations(tx: Tx, pool: Pool) -> Validations:
    return validations.read(await versions.value(tx, validations.name_of(pool.id)))


def _renewed(pool: Pool, credential: Credential, verdict: Verdict) -> Credential | None:
    """The document that the tool left behind, if it is another one and not an older one."""
    if verdict.renewed is None:
        return None
    try:
        renewed = documents.read(verdict.renewed, TOOLS[pool.tool])
    except documents.BadDocument as problem:
        log.warning("fleet_runner_document_refused", pool=pool.name, problem=str(problem))
        return None
    is_newer = renewed.digest != credential.digest and renewed.moment >= credential.moment
    return renewed if is_newer and not views.holds_host_token(renewed.document) else None
