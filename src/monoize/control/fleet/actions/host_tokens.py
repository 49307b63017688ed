"""Refresh tokens of our own, for hosts that must not hold the real one.

A host has a sequence of them, each derived from the master key, so that the same one can be given again. Using one
makes the next. Using one again may be due to a lost answer; `model/renewal` says when it shows a copied login.
"""

import dataclasses
import datetime as dt
from typing import Final

from monoize.base.ids import fingerprint
from monoize.control.fleet.errors import HostTokenInvalid
from monoize.control.fleet.model.renewal import is_copied
from monoize.control.fleet.model.views import HOST_TOKEN_PREFIX
from monoize.control.fleet.store import host_tokens
from monoize.infra.db import Tx
from monoize.infra.sealed import Seal

_FIRST: Final = 1
_GENERATIONS_KEPT: Final = 100
"""An older one is unknown rather than a sign of a copy."""


@dataclasses.dataclass(frozen=True, slots=True)
class Shown:
    """A token that a host has shown: `copied` when another has gone on from it before."""

    host_id: int
    generation: int
    copied: bool = False


async def current(tx: Tx, seal: Seal, host_id: int) -> str:
    """What the host is to use next."""
    return _token(seal, host_id, await host_tokens.newest_generation(tx, host_id) or _FIRST)


async def give(tx: Tx, host_id: int, token: str) -> None:
    """Let a `current` one be good from now on, if it was not given before; behind a lock on the host."""
    if await host_tokens.newest_generation(tx, host_id) is None:
        await host_tokens.add(tx, digest=fingerprint(token), host_id=host_id, generation=_FIRST)


async def host_of(tx: Tx, token: str) -> int:
    found = await host_tokens.with_digest(tx, fingerprint(token))
    if found is None:
        raise HostTokenInvalid
    return int(found.host_id)


async def use(tx: Tx, seal: Seal, token: str, now: dt.datetime) -> Shown:
    """Use it up and make its successor, which `current` tells then."""
    digest = fingerprint(token)
    found = await host_tokens.with_digest(tx, digest)
    if found is None:
        raise HostTokenInvalid
    host_id, generation = found.host_id, found.generation
    if await host_tokens.use_up(tx, digest, now):
        await _add(tx, seal, host_id, generation + 1)
        await host_tokens.forget_before(tx, host_id, generation - _GENERATIONS_KEPT)
        return Shown(host_id, generation)
    await host_tokens.repeat(tx, digest, now)
    copied = is_copied(
        generation,
        newest=await host_tokens.newest_generation(tx, host_id),
        one_before_was_repeated=await host_tokens.was_repeated(tx, host_id, generation - 1),
    )
    return Shown(host_id, generation, copied=copied)


async def start_over(tx: Tx, seal: Seal, host_id: int) -> None:
    """Let none of the tokens that are out there be good any more."""
    newest = await host_tokens.newest_generation(tx, host_id)
    if newest is not None:
        await host_tokens.forget_before(tx, host_id, newest + 1)
        await _add(tx, seal, host_id, newest + 1)


async def _add(tx: Tx, seal: Seal, host_id: int, generation: int) -> None:
    digest = fingerprint(_token(seal, host_id, generation))
    await host_tokens.add(tx, digest=digest, host_id=host_id, generation=generation)


def _token(seal: Seal, host_id: int, generation: int) -> str:
    secret = seal.mac("host refresh token", f"{host_id}:{generation}".encode())
    return f"{HOST_TOKEN_PREFIX}{host_id}.{secret}"
