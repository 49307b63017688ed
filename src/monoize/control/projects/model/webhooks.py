"""What a delivery of GitHub means: whether it is genuine, what was pushed, and which services follow from it."""

import dataclasses
import datetime as dt
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from monoize.control.projects.model.repositories import Source, git_ref, is_commit, repository_key

BODY_MOST: Final = 1_048_576
DELIVERY_ID: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
EVENT: Final = re.compile(r"[a-z_]{1,64}")
_BRANCH: Final = "refs/heads/"


@dataclasses.dataclass(frozen=True, slots=True)
class Push:
    repository: str
    branch: str
    commit: str


@dataclasses.dataclass(frozen=True, slots=True)
class Ignored:
    """Genuine, and nothing follows from it."""

    reason: str
    repository: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Delivery:
    """What came in, and what followed from it."""

    id: int
    project_id: int
    delivery_id: str
    event: str
    repository: str | None
    branch: str | None
    commit_id: str | None
    outcome: Literal["accepted", "ignored"]
    reason: str | None
    build_ids: Sequence[int]
    created_at: dt.datetime


class NotReadable(ValueError):
    """A delivery that is no JSON object, or a push that does not say what was pushed."""


def is_genuine(secret: str, body: bytes, signature: str | None) -> bool:
    """Whether `X-Hub-Signature-256` was made of this body with this secret; compared in constant time."""
    expected = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), (signature or "").encode("utf-8", "replace"))


def read(event: str, document: Any) -> Push | Ignored:
    if not isinstance(document, Mapping):
        raise NotReadable("the body is no JSON object")
    if event == "ping":
        return Ignored("ping")
    if event != "push":
        return Ignored("event ignored")
    repository = document.get("repository")
    address = repository.get("clone_url") if isinstance(repository, Mapping) else None
    ref, after = document.get("ref"), document.get("after")
    if not (isinstance(address, str) and isinstance(ref, str) and isinstance(after, str)):
        raise NotReadable("a push names its repository.clone_url, its ref and its commit as `after`")
    key = repository_key(address)
    if key is None:
        raise NotReadable("repository.clone_url is no address of a repository")
    if not ref.startswith(_BRANCH):
        return Ignored("tags are ignored", key)
    if document.get("deleted") is True or not after.strip("0"):
        return Ignored("the branch was deleted", key)
    if not is_commit(after):
        raise NotReadable("`after` is no commit")
    try:
        branch = git_ref(ref.removeprefix(_BRANCH))
    except ValueError:
        return Ignored("the branch has a name that is not built", key)
    return Push(key, branch, after)


def follows(push: Push, sources: Sequence[Source]) -> Sequence[Source] | Ignored:
    """The services to build, or why there is none."""
    of_repository = [source for source in sources if repository_key(source.repository) == push.repository]
    if not of_repository:
        return Ignored("no service is built from this repository", push.repository)
    of_branch = [source for source in of_repository if source.branch == push.branch]
    if not of_branch:
        return Ignored("branch ignored", push.repository)
    wanted = [source for source in of_branch if source.auto_deploy]
    return wanted or Ignored("no service of this branch is deployed by pushes", push.repository)
