"""A host sees the tokens of its own targets, and changes no others."""

from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monoize.control.fleet.model import documents, views
from monoize.control.fleet.model.comparison import differences, masked
from monoize.control.fleet.model.tools import CLAUDE, CODEX

SECRETS: Final = {target: f"secret-of-{target}-0123456789" for target in ("api.openai.com", "b", "c")}
LOGIN: Final = "api.openai.com"


def document(*targets: str, **more: Any) -> dict[str, Any]:
    given_document = {
        "auths": {target: {"token": SECRETS[target]} for target in targets},
        "tokens": {"access_token": SECRETS[LOGIN], "refresh_token": "the-real-refresh-token"},
        "OPENAI_API_KEY": None,
        "last_refresh": "2026-11-01T10:00:00Z",
        **more,
    }
    return dict(documents.normal(given_document, CODEX))


EVERYTHING: Final = document(*SECRETS)
some_targets = st.sets(st.sampled_from(sorted(SECRETS)), min_size=1)


def test_without_a_list_a_host_sees_everything():
    assert EVERYTHING == views.restricted(EVERYTHING, CODEX, None)


@given(some_targets)
def test_a_host_sees_no_token_of_a_target_that_is_not_its_own(targets: set[str]):
    seen = str(views.restricted(EVERYTHING, CODEX, targets))

    assert targets == {target for target, secret in SECRETS.items() if secret in seen}
    assert (LOGIN in targets) == ("the-real-refresh-token" in seen)


@given(some_targets)
def test_handing_back_what_one_was_given_changes_nothing(targets: set[str]):
    seen = views.restricted(EVERYTHING, CODEX, targets)
    assert seen is not None

    assert EVERYTHING == views.merged(EVERYTHING, seen, CODEX, targets)


@given(some_targets)
def test_handing_in_a_change_changes_ones_own_and_nothing_else(targets: set[str]):
    seen = views.restricted(EVERYTHING, CODEX, targets)
    assert seen is not None
    changed = {
        target: {**entry, "token": f"new-token-of-{target}-99999"} for target, entry in seen["auths"].items()
    }

    after = views.merged(EVERYTHING, {**seen, "auths": changed}, CODEX, targets)

    assert targets == {t for t in SECRETS if after["auths"][t]["token"] == f"new-token-of-{t}-99999"}
    assert EVERYTHING["tokens"] == after["tokens"]


def test_nothing_is_left_for_a_host_whose_targets_are_not_there():
    assert views.restricted(document("b"), CODEX, {"c"}) is None
    assert views.restricted({"claudeAiOauth": {}}, CLAUDE, {"b"}) is None
    assert views.restricted({"claudeAiOauth": {}}, CLAUDE, {CLAUDE.login_target}) is not None


def test_targets_of_others_are_told_by_name():
    assert [] == views.foreign_targets(EVERYTHING, CODEX, None)
    assert ["b", "c"] == views.foreign_targets(EVERYTHING, CODEX, {LOGIN})
    assert [CLAUDE.login_target] == views.foreign_targets({}, CLAUDE, {"b"})


def test_a_refresh_renews_the_tokens_and_the_entry_that_holds_the_same_one():
    granted = {"access_token": "a-new-access-token-123456", "refresh_token": "rt-2", "id_token": "i.d.t"}

    after = views.renewed(EVERYTHING, granted, "2026-11-02T10:00:00Z")

    assert granted == after["tokens"]
    assert granted["access_token"] == after["auths"][LOGIN]["token"]
    assert EVERYTHING["auths"]["b"] == after["auths"]["b"]
    assert "2026-11-02T10:00:00Z" == after["last_refresh"]
    assert after == documents.normal(after, CODEX)


def test_the_refresh_token_can_be_swapped_for_one_of_ours():
    ours = views.with_refresh_token(EVERYTHING, "mzr_7.secret")

    assert (False, True) == (views.holds_host_token(EVERYTHING), views.holds_host_token(ours))
    assert "the-real-refresh-token" not in str(ours)
    assert {"a": 1} == views.with_refresh_token({"a": 1}, "mzr_7.secret")
    assert not views.holds_host_token({"tokens": {"refresh_token": None}})


def mac(secret: str) -> str:
    return f"mac-{hash(secret)}"


def test_a_comparison_tells_what_changed_and_shows_no_secret():
    before = document(LOGIN, "b", scopes=["x"], nested={"deep": {}})
    after = document(LOGIN, "c", scopes=["x", "y"], nested={"deep": {}})

    found = differences(before, after, mac)

    assert {
        ("/auths/b/token", "removed"),
        ("/auths/b/token_type", "removed"),
        ("/auths/c/token", "added"),
        ("/auths/c/token_type", "added"),
        ("/scopes/1", "added"),
    } == {(each.pointer, each.change) for each in found}
    assert [] == [secret for secret in [*SECRETS.values(), "the-real-refresh-token"] if secret in str(found)]
    assert [] == differences(before, before, mac)


@pytest.mark.parametrize("secret", ["short", "x" * 23, SECRETS["b"], "sk-" + "0" * 60])
def test_a_mask_shows_at_most_the_end_of_a_long_secret(secret: str):
    (shown,) = masked({"key": secret}, mac).values()

    assert secret not in shown
    assert f"{len(secret)} characters" in shown
    assert (len(secret) >= 24) == (secret[-4:] in shown.partition("(")[0])
