"""Certificates from an authority: asked for when a route waits for one, and anew before they end.

Called by the clock; it finds its work in the database. One certificate at a time, behind a lease, and nginx is told
once for all that a run brought in. A failure is kept with its reason and tried again after a while that grows; the
certificate before stays in force until it ends. The account's key is written down before anybody hears of it.
"""

import datetime as dt
from typing import TYPE_CHECKING, Final

import structlog

from monoize.base.clock import utc_now
from monoize.base.errors import Refusal
from monoize.base.ids import new_id
from monoize.base.principal import SYSTEM, Call
from monoize.control.edge.house import House
from monoize.control.projects.actions.bell import EntryBell
from monoize.control.projects.actions.certificates import keep
from monoize.control.projects.actions.proofs import proof_for
from monoize.control.projects.actions.proxy import Proxy
from monoize.control.projects.model.certificates import (
    Certificate,
    Leaf,
    is_due,
    read_leaf,
    renews_itself,
    retry_after,
    warning,
)
from monoize.control.projects.store import acme_accounts, certificates
from monoize.infra.sealed import SealBroken

if TYPE_CHECKING:
    from monoize.control.projects.drivers.acme import Account, Authority, Issued

log = structlog.get_logger(__name__)

LOOKS_EVERY_S: Final = 30.0
LEASE: Final = dt.timedelta(minutes=10)
BATCH: Final = 10
_ERROR_CHARS_MOST: Final = 1_000
_GOLDEN: Final = 0.618_033_988_75


class NotIssued(Exception):
    """Why there is no new certificate."""


class Issuer:
    """Of several processes the one that takes the lease does the work."""

    def __init__(self, house: House, proxy: Proxy) -> None:
        self._house = house
        self._proxy = proxy
        # A route or a domain may have begun to wait for a certificate.
        self.bell = EntryBell("certificate", "route", "domain")
        # By fingerprint: when the authority is asked again whether it wants that certificate renewed.
        self._asked_again_at: dict[str, dt.datetime] = {}

    async def run(self) -> None:
        """Wait until a certificate may be due, and see to all that are."""
        await self.bell.heard(LOOKS_EVERY_S)
        await self.look()

    async def look(self) -> None:
        now = utc_now()
        await self._look_at_ends(now)
        await self._ask_authority(now)
        async with self._house.database.read() as tx:
            due = [one for one in await certificates.every(tx) if is_due(one, now, _jitter(one))]
        brought = [await self._bring(certificate) for certificate in due[:BATCH]]
        if any(brought):
            await self._proxy.follow()

    async def _bring(self, certificate: Certificate) -> bool:
        now = utc_now()
        async with self._house.database.write() as tx:
            if not await certificates.take(tx, certificate.id, now, now + LEASE):
                return False
        try:
            leaf = await self._issued(certificate)
        except NotIssued as problem:
            await self._failed(certificate, str(problem)[:_ERROR_CHARS_MOST])
            return False
        seal = self._house.seal
        async with self._house.audit_log.change(Call(SYSTEM, new_id())) as change:
            present = await certificates.lock(change.tx, certificate.id)
            await keep(change.tx, seal, present.id, leaf, type="acme", auto_renew=present.auto_renew)
            change.record(
                "certificate.issue",
                "certificate",
                present.id,
                domain=present.domain,
                fingerprint=leaf.fingerprint,
                not_after=leaf.not_after,
            )
        return True

    async def _issued(self, certificate: Certificate) -> Leaf:
        from monoize.control.projects.drivers.acme import AcmeTrouble

        authority = self._authority()
        try:
            account = await self._account(authority)
            proof = await proof_for(certificate.domain, self._house.settings, self._proxy)
            issued: Issued = await authority.issue(account, certificate.domain, proof)
            return read_leaf(issued.chain_pem, issued.key_pem, certificate.domain, utc_now())
        except AcmeTrouble as problem:
            raise NotIssued(str(problem)) from problem
        except Refusal as problem:
            said = problem.details.get("said")
            raise NotIssued(f"{problem.message} {said}" if said else problem.message) from problem
        except SealBroken as problem:
            raise NotIssued("The key of the account does not open with the present master key.") from problem

    async def _account(self, authority: "Authority") -> "Account":
        from monoize.control.projects.drivers.acme import Account, new_key, thumbprint

        database, url, seal = self._house.database, authority.directory_url, self._house.seal
        async with database.read() as tx:
            kept = await acme_accounts.find(tx, url)
        if kept is None:
            key = new_key()
            async with database.write() as tx:
                id = await acme_accounts.add(tx, url, thumbprint(key))
                if id is not None:
                    await acme_accounts.seal(tx, id, seal.seal(key, *_place(id)))
            async with database.read() as tx:
                kept = await acme_accounts.find(tx, url)
            assert kept is not None
        account = Account(seal.open(kept.key_sealed, *_place(kept.id)), kept.uri)
        if account.uri is None:
            account = Account(account.key_pem, await authority.register(account))
            assert account.uri is not None
            async with database.write() as tx:
                await acme_accounts.registered(tx, kept.id, account.uri)
        # From now on nginx answers for this account, at every name.
        await self._proxy.apply(urgent=True)
        return account

    async def _failed(self, certificate: Certificate, said: str) -> None:
        log.warning("certificate_not_issued", domain=certificate.domain, said=said)
        now = utc_now()
        async with self._house.audit_log.change(Call(SYSTEM, new_id())) as change:
            present = await certificates.lock(change.tx, certificate.id)
            failures = present.failures + 1
            values = {
                "failures": failures,
                "retry_at": now + retry_after(failures),
                "renew_at": None,
                "error": said,
                "lease_until": None,
                "status": present.status if present.fingerprint else "failed",
            }
            await certificates.change(change.tx, present.id, values)
            change.record("certificate.issue_failed", "certificate", present.id, domain=present.domain, error=said)

    async def _ask_authority(self, now: dt.datetime) -> None:
        """It may want one renewed earlier than we would, as when it has to revoke it. Many do not say."""
        async with self._house.database.read() as tx:
            known = await certificates.every(tx)
            renewed = {one.fingerprint: one.id for one in known if one.fingerprint and renews_itself(one)}
            due = [one for one in renewed if self._asked_again_at.get(one, now) <= now][:BATCH]
            chains = {fingerprint: chain for _, fingerprint, chain, _ in await certificates.sealed(tx, due)}
        self._asked_again_at = {one: at for one, at in self._asked_again_at.items() if one in renewed}
        if not chains:
            return
        authority = self._authority()
        for fingerprint, chain in chains.items():
            wanted, again = await authority.renewal(chain)
            self._asked_again_at[fingerprint] = again
            # It is another time within a window whenever it is asked: what comes before the next asking is due.
            if wanted is not None and wanted <= again:
                async with self._house.database.write() as tx:
                    await certificates.change(tx, renewed[fingerprint], {"renew_at": wanted})

    def _authority(self) -> "Authority":
        # Loading it takes a third of a second, which a start without certificates need not pay.
        from monoize.control.projects.drivers.acme import Authority

        settings = self._house.settings
        return Authority(settings.acme_directory_url, settings.acme_ca_file, settings.acme_email)

    async def _look_at_ends(self, now: dt.datetime) -> None:
        async with self._house.database.read() as tx:
            known, warned = await certificates.every(tx), await certificates.warned(tx)
        ended = [one for one in known if one.status == "active" and one.not_after and one.not_after <= now]
        near = [(one, days) for one in known if (days := warning(one, now, warned[one.id])) is not None]
        if not ended and not near:
            return
        async with self._house.database.write() as tx:
            for one in ended:
                await certificates.change(tx, one.id, {"status": "expired"})
            for one, days in near:
                await certificates.warn(tx, one.id, days)
        for one, days in near:
            log.warning("certificate_ends", domain=one.domain, days=days, not_after=str(one.not_after))


def _jitter(certificate: Certificate) -> float:
    """From 0 to 1, always the same for a certificate, and far apart for those made one after the other."""
    return certificate.id * _GOLDEN % 1


def _place(id: int) -> tuple[str, str, str]:
    return ("acme_accounts", "key_sealed", str(id))
