"""Which releases are kept, and where a rollback leads."""

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from monoize.control.projects.model import releases
from monoize.control.projects.model.releases import Release

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def release(number: int, *, proven: bool = True, pruned: bool = False, **values) -> Release:
    fields = {
        "id": number + 100,
        "service_id": 3,
        "number": number,
        "image": "app:1",
        "image_id": "sha256:" + "0" * 64,
        "repo_digest": None,
        "config": {"ports": [80]},
        "config_hash": "0" * 64,
        "secret_versions": {},
        "route_generation": None,
        "build_id": None,
        "hook_done_at": None,
        "proven_at": NOW if proven else None,
        "pruned_at": NOW if pruned else None,
        "created_at": NOW,
    }
    return Release(**{**fields, **values})


histories = st.lists(st.booleans(), max_size=30).map(
    lambda proven: [release(number, proven=each) for number, each in enumerate(proven, start=1)]
)


@given(history=histories, kept=st.integers(1, 10), data=st.data())
def test_what_is_in_use_and_the_last_that_served_are_never_pruned(history, kept, data):
    ids = [each.id for each in history]
    in_use = data.draw(st.sets(st.sampled_from(ids), max_size=3)) if ids else set()
    gone = {each.id for each in releases.to_prune(history, kept, in_use)}
    served = [each.id for each in history if each.proven_at]

    assert not gone & in_use
    assert not gone & set(served[-kept:])
    assert set(ids) - gone == in_use | set(served[-kept:])


def test_what_was_pruned_is_not_pruned_again():
    assert [] == list(releases.to_prune([release(1, pruned=True), release(2)], 1, []))


def test_a_rollback_returns_to_the_last_that_served_before_the_present_one():
    history = [release(1), release(2), release(3, proven=False), release(4), release(5)]
    assert releases.before(history, current_id=104).number == 2
    assert releases.before(history, current_id=102).number == 1
    assert releases.before(history, current_id=101) is None
    assert releases.before([release(1, pruned=True), release(2)], current_id=102) is None
    assert releases.before([], current_id=None) is None


def test_a_difference_names_what_changed_and_no_value():
    old = release(1, secret_versions={"A": 1, "B": 1})
    new = release(2, secret_versions={"A": 2, "C": 1}, image_id="sha256:" + "1" * 64, config={"ports": [81]})
    assert ["image", "ports", "secret A", "secret B", "secret C"] == list(releases.difference(old, new))
    assert [] == list(releases.difference(old, old))
    assert ["image"] == list(releases.difference(None, new))


def test_a_name_is_let_go_only_when_no_release_that_stays_bears_it():
    history = [release(1, image="a:1"), release(2, image="a:2"), release(3, image="a:1"), release(4, pruned=True)]
    assert {"a:1", "a:2"} == releases.images_named(history, history[:1])
    assert {"a:1"} == releases.images_named(history, history[1:2])
