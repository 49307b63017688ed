"""What a delivery of GitHub leads to."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monoize.control.projects.model import webhooks
from monoize.control.projects.model.repositories import Source
from monoize.control.projects.model.webhooks import Ignored, Push

COMMIT = "a" * 40
PUSH = {"ref": "refs/heads/main", "after": COMMIT, "repository": {"clone_url": "https://github.com/a/b.git"}}


def source(service_id: int = 1, *, branch: str = "main", auto_deploy: bool = True, repository: str = "") -> Source:
    return Source(
        service_id=service_id,
        repository=repository or "https://github.com/A/b",
        branch=branch,
        context=".",
        dockerfile="Dockerfile",
        build_args={},
        auto_deploy=auto_deploy,
        has_credential=False,
    )


@given(body=st.binary(max_size=200), secret=st.text(min_size=1, max_size=40), at=st.integers(0, 10_000))
def test_only_the_signature_of_this_body_with_this_secret_is_believed(body, secret, at):
    signature = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    assert webhooks.is_genuine(secret, body, signature)
    assert not webhooks.is_genuine(secret + "x", body, signature)
    assert not webhooks.is_genuine(secret, body + b"x", signature)
    changed = at % len(signature)
    assert not webhooks.is_genuine(secret, body, signature[:changed] + "g" + signature[changed + 1 :])


@pytest.mark.parametrize("signature", [None, "", "sha256=", "sha1=abc", "ü", "sha256=" + "0" * 64])
def test_a_signature_that_is_none_is_not_believed(signature):
    assert not webhooks.is_genuine("secret", b"{}", signature)


@pytest.mark.parametrize(
    ("event", "changes", "reason"),
    [
        ("ping", {}, "ping"),
        ("issues", {}, "event ignored"),
        ("push", {"ref": "refs/tags/v1"}, "tags are ignored"),
        ("push", {"deleted": True}, "the branch was deleted"),
        ("push", {"after": "0" * 40}, "the branch was deleted"),
        ("push", {"ref": "refs/heads/--upload-pack"}, "the branch has a name that is not built"),
    ],
)
def test_what_nothing_follows_from_is_ignored_with_its_reason(event, changes, reason):
    found = webhooks.read(event, {**PUSH, **changes})
    assert isinstance(found, Ignored) and found.reason == reason


@pytest.mark.parametrize(
    "document",
    [
        [],
        {},
        {**PUSH, "after": "abc"},
        {**PUSH, "after": 7},
        {**PUSH, "repository": None},
        {**PUSH, "repository": {"clone_url": "ext::sh"}},
    ],
)
def test_a_push_that_does_not_say_what_was_pushed_is_refused(document):
    with pytest.raises(webhooks.NotReadable):
        webhooks.read("push", document)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["ref", "after", "repository", "clone_url", "deleted"]), inner, max_size=5
            )
        ),
        max_leaves=8,
    )
)
def test_any_document_is_read_or_refused(document):
    try:
        found = webhooks.read("push", document)
    except webhooks.NotReadable:
        return
    assert isinstance(found, Push | Ignored)


def test_a_push_builds_the_opted_in_services_of_its_repository_and_branch_and_no_others():
    push = webhooks.read("push", PUSH)
    assert isinstance(push, Push)
    wanted, second = source(1), source(2)
    others = [source(3, branch="dev"), source(4, repository="https://github.com/x/y"), source(5, auto_deploy=False)]
    assert [wanted, second] == webhooks.follows(push, [wanted, *others, second])


@pytest.mark.parametrize(
    ("sources", "reason"),
    [
        ([], "no service is built from this repository"),
        ([source(repository="https://github.com/x/y")], "no service is built from this repository"),
        ([source(branch="dev")], "branch ignored"),
        ([source(auto_deploy=False)], "no service of this branch is deployed by pushes"),
    ],
)
def test_a_push_for_nobody_says_why(sources, reason):
    push = webhooks.read("push", PUSH)
    assert isinstance(push, Push)
    found = webhooks.follows(push, sources)
    assert isinstance(found, Ignored) and found.reason == reason
