"""What a host is told depends on digests, instants and history, and on nothing else."""

import datetime as dt
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monoize.control.fleet.model.judgement import Version, judge_retrieve, judge_store

T: Final = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)
EARLIER, LATER = T - dt.timedelta(microseconds=1), T + dt.timedelta(microseconds=1)
CANONICAL: Final = Version("c", T)

versions = st.builds(Version, st.sampled_from("abc"), st.sampled_from([EARLIER, T, LATER]))


@pytest.mark.parametrize(
    ("canonical", "held", "status"),
    [
        (None, Version("x", T), "missing"),
        (CANONICAL, Version("c", T), "valid"),
        (CANONICAL, Version("c", EARLIER), "valid"),
        (CANONICAL, Version("c", LATER), "valid"),
        (CANONICAL, Version("x", LATER), "upload_required"),
        (CANONICAL, Version("x", T), "upload_required"),
        (CANONICAL, Version("x", EARLIER), "outdated"),
    ],
)
def test_retrieving_is_judged_by_digest_first_and_date_second(
    canonical: Version | None, held: Version, status: str
):
    assert status == judge_retrieve(canonical, held)


@pytest.mark.parametrize(
    ("canonical", "offered", "base", "vouched", "status"),
    [
        (None, Version("x", T), None, False, "updated"),
        (None, Version("x", T), "c", False, "updated"),
        (CANONICAL, Version("c", LATER), None, False, "unchanged"),
        (CANONICAL, Version("c", EARLIER), "old", False, "unchanged"),
        (CANONICAL, Version("x", LATER), None, False, "updated"),
        (CANONICAL, Version("x", LATER), "c", False, "updated"),
        (CANONICAL, Version("x", LATER), "old", False, "conflict"),
        (CANONICAL, Version("x", LATER), "old", True, "conflict"),
        (CANONICAL, Version("x", T), None, False, "conflict"),
        (CANONICAL, Version("x", T), "old", False, "conflict"),
        (CANONICAL, Version("x", T), "c", False, "updated"),
        (CANONICAL, Version("x", T), None, True, "updated"),
        (CANONICAL, Version("x", EARLIER), None, False, "outdated"),
        (CANONICAL, Version("x", EARLIER), "c", True, "outdated"),
    ],
)
def test_storing_is_judged_by_digest_date_and_what_it_was_made_upon(
    canonical: Version | None, offered: Version, base: str | None, vouched: bool, status: str
):
    assert status == judge_store(canonical, offered, base_digest=base, vouched=vouched)


@given(versions, versions)
def test_what_was_canonical_once_never_comes_back_by_itself(canonical: Version, held: Version):
    if held.digest != canonical.digest:
        assert "outdated" == judge_retrieve(canonical, held, superseded=True)
        assert "outdated" == judge_store(canonical, held, superseded=True, vouched=True)


@given(versions, versions)
def test_what_the_hub_owns_is_never_asked_for(canonical: Version, held: Version):
    assert judge_retrieve(canonical, held, hub_owned=True) in ("valid", "outdated")


@given(versions, versions)
def test_whoever_is_asked_to_upload_is_not_told_that_it_is_outdated(canonical: Version, held: Version):
    if judge_retrieve(canonical, held) == "upload_required":
        assert "updated" == judge_store(canonical, held, base_digest=canonical.digest)


@given(st.lists(st.sampled_from([EARLIER, T, LATER]), min_size=1, max_size=12))
def test_the_canonical_never_goes_back_in_time(moments: list[dt.datetime]):
    canonical: Version | None = None
    for number, moment in enumerate(moments):
        offered = Version(str(number), moment)
        if judge_store(canonical, offered) == "updated":
            assert canonical is None or canonical.moment < offered.moment
            canonical = offered
    assert canonical is not None
    assert canonical.moment == max(moments)
