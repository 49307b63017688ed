"""A release: what once ran, whole and unchangeable, so that it can run again; and which of them are kept."""

import dataclasses
import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any


@dataclasses.dataclass(frozen=True, slots=True)
class Release:
    """`image_id` names the very bytes; `secret_versions` says which versions it runs with, never their values."""

    id: int
    service_id: int
    number: int
    image: str
    image_id: str
    repo_digest: str | None
    config: Mapping[str, Any]
    config_hash: str
    secret_versions: Mapping[str, int]
    route_generation: int | None
    build_id: int | None
    hook_done_at: dt.datetime | None
    proven_at: dt.datetime | None
    pruned_at: dt.datetime | None
    created_at: dt.datetime


def retained(releases: Sequence[Release], kept: int, in_use: Collection[int]) -> frozenset[int]:
    """The ids of those whose image stays: what is in use, and the newest `kept` that have ever served."""
    proven = sorted((r for r in releases if r.proven_at is not None), key=lambda r: r.number, reverse=True)
    return frozenset(release.id for release in proven[:kept]) | frozenset(in_use)


def to_prune(releases: Sequence[Release], kept: int, in_use: Collection[int]) -> Sequence[Release]:
    """Those whose image we hold no longer, oldest first."""
    stays = retained(releases, kept, in_use)
    gone = [release for release in releases if release.pruned_at is None and release.id not in stays]
    return sorted(gone, key=lambda release: release.number)


def images_named(releases: Sequence[Release], gone: Sequence[Release]) -> frozenset[str]:
    """What the images of the releases are called that stay."""
    ids = {release.id for release in gone}
    return frozenset(one.image for one in releases if one.pruned_at is None and one.id not in ids)


def before(releases: Sequence[Release], current_id: int | None) -> Release | None:
    """The release that a rollback without a number returns to: the last one that served before the present one."""
    current = next((release for release in releases if release.id == current_id), None)
    candidates = [
        release
        for release in releases
        if release.proven_at is not None
        and release.pruned_at is None
        and release.id != current_id
        and (current is None or release.number < current.number)
    ]
    return max(candidates, key=lambda release: release.number, default=None)


def difference(old: Release | None, new: Release) -> Sequence[str]:
    """What a release changes, by name: `image`, fields of its configuration, keys of its secrets."""
    if old is None:
        return ["image"]
    changed = [] if old.image_id == new.image_id else ["image"]
    fields = sorted({*old.config, *new.config} - {"image"})
    changed += [name for name in fields if old.config.get(name) != new.config.get(name)]
    keys = sorted({*old.secret_versions, *new.secret_versions})
    changed += [f"secret {key}" for key in keys if old.secret_versions.get(key) != new.secret_versions.get(key)]
    return changed


def env_place(service_id: int) -> tuple[str, ...]:
    """What the sealed environment of a release is bound to."""
    return "releases", "env_sealed", str(service_id)
