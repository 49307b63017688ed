import base64
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support import at_once

from monoize.base.errors import StartupProblem
from monoize.infra.sealed import KEY_BYTES, Seal, SealBroken, decode_key, make_key, read_key

SEAL = Seal(bytes(range(32)))
OTHER = Seal(bytes(range(1, 33)))

places = st.lists(st.text(max_size=10), max_size=4).map(tuple)


@given(st.text(), places)
def test_what_was_sealed_opens_in_its_place(secret, place):
    assert secret == SEAL.open(SEAL.seal(secret, *place), *place)


@given(st.text(), places, places)
@example("secret", ("secrets", "1"), ("secrets", "2"))
@example("secret", ("secrets", "1\x1f2"), ("secrets\x1f1", "2"))
@example("secret", ("secrets",), ("secrets", ""))
def test_it_opens_in_no_other_place(secret, place, elsewhere):
    if place == elsewhere:
        return
    with pytest.raises(SealBroken):
        SEAL.open(SEAL.seal(secret, *place), *elsewhere)


@given(st.text(), places)
def test_another_key_does_not_open_it(secret, place):
    with pytest.raises(SealBroken):
        OTHER.open(SEAL.seal(secret, *place), *place)


def test_another_key_does_not_open_it_even_under_our_name():
    _, _, body = SEAL.seal("secret").split(".")

    with pytest.raises(SealBroken):
        OTHER.open(f"v1.{OTHER.key_id}.{body}")


characters = st.characters(min_codepoint=1, max_codepoint=0x17F)


@given(st.text(min_size=1, max_size=5), st.data())
def test_any_changed_character_breaks_the_seal(secret, data):
    sealed = SEAL.seal(secret, "place")
    at = data.draw(st.integers(0, len(sealed) - 1))
    put = data.draw(characters.filter(lambda c: c != sealed[at]))

    with pytest.raises(SealBroken):
        SEAL.open(sealed[:at] + put + sealed[at + 1 :], "place")


@given(st.text(min_size=1, max_size=5), st.data())
def test_any_character_put_in_or_left_out_breaks_the_seal(secret, data):
    sealed = SEAL.seal(secret, "place")
    at = data.draw(st.integers(0, len(sealed)))

    with pytest.raises(SealBroken):
        SEAL.open(sealed[:at] + data.draw(characters) + sealed[at:], "place")
    with pytest.raises(SealBroken):
        SEAL.open(sealed[: at - 1] + sealed[at:] if at else sealed[1:], "place")


@given(st.binary(min_size=1, max_size=5), st.integers(0, 7), st.data())
def test_any_changed_bit_breaks_the_seal(secret, bit, data):
    head, _, body = SEAL.seal(secret.hex(), "place").rpartition(".")
    raw = bytearray(base64.urlsafe_b64decode(body))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << bit

    with pytest.raises(SealBroken):
        SEAL.open(f"{head}.{base64.urlsafe_b64encode(raw).decode()}", "place")


@given(st.text(max_size=80))
@example("")
@example(f"v1.{SEAL.key_id}.")
@example(f"v1.{SEAL.key_id}.AAAA")
@example(f"v1.{SEAL.key_id}.é")
def test_what_was_never_sealed_does_not_open(text):
    with pytest.raises(SealBroken):
        SEAL.open(text)


def test_sealing_the_same_twice_gives_two_different_texts():
    assert SEAL.seal("secret", "place") != SEAL.seal("secret", "place")


def test_a_sealed_text_does_not_show_its_secret():
    assert "secret" not in SEAL.seal("secret" * 20, "place")


def test_a_digest_depends_on_key_purpose_and_data():
    digests = {SEAL.mac("audit", b"x"), SEAL.mac("audit", b"y"), SEAL.mac("other", b"x"), OTHER.mac("audit", b"x")}

    assert 4 == len(digests)
    assert SEAL.mac("audit", b"x") == Seal(bytes(range(32))).mac("audit", b"x")


@pytest.mark.parametrize("size", [0, 16, 31, 33, 64])
def test_a_master_key_has_exactly_32_bytes(size):
    with pytest.raises(ValueError, match="32 bytes"):
        Seal(bytes(size))
    with pytest.raises(StartupProblem, match="the variable must hold the base64 of exactly 32 bytes"):
        decode_key(base64.b64encode(bytes(size)).decode(), "the variable")


@pytest.mark.parametrize("text", ["", "x", "é" * 44, "#" * 44, "A" * 43, "A" * 44 + "!", "A" * 42 + "=="])
def test_a_master_key_that_is_not_base64_is_refused(text):
    with pytest.raises(StartupProblem, match="the variable must hold the base64 of exactly 32 bytes"):
        decode_key(text, "the variable")


@given(st.binary(min_size=KEY_BYTES, max_size=KEY_BYTES))
def test_a_master_key_is_read_back_whatever_space_surrounds_it(key):
    assert key == decode_key(f" {base64.b64encode(key).decode()}\n", "the variable")


def test_a_made_key_file_belongs_to_its_owner_alone(tmp_path):
    file = tmp_path / "deep" / "down" / "master.key"
    key, made = make_key(file)

    assert (True, key) == (made, read_key(file))
    assert 0o600 == stat.S_IMODE(file.stat().st_mode)
    assert [file] == list(file.parent.iterdir())


def test_a_key_that_is_there_is_never_replaced(tmp_path):
    file = tmp_path / "master.key"
    first, _ = make_key(file)

    assert (first, False) == make_key(file)
    assert [file] == list(tmp_path.iterdir())


def test_an_absent_key_file_is_no_key(tmp_path):
    assert read_key(tmp_path / "master.key") is None


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"short", b"\xff" * 44, base64.b64encode(bytes(31)), b"A" * 100_000]
)
def test_a_malformed_key_file_is_a_startup_problem_of_one_line(tmp_path, content):
    file = tmp_path / "master.key"
    file.write_bytes(content)

    for reading in (read_key, make_key):
        with pytest.raises(StartupProblem, match=r"master\.key") as refused:
            reading(file)
        assert 1 == len(str(refused.value).splitlines())
    assert content == file.read_bytes()
    assert [file] == list(tmp_path.iterdir())


def test_a_folder_in_place_of_the_key_file_is_a_startup_problem(tmp_path):
    with pytest.raises(StartupProblem, match="cannot read the master key file"):
        read_key(tmp_path)


def test_a_key_file_that_cannot_be_made_is_a_startup_problem(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(StartupProblem, match="cannot create the master key file"):
        make_key(tmp_path / "file" / "master.key")


def test_twenty_threads_make_one_key(tmp_path: Path):
    with ThreadPoolExecutor(20) as threads:
        made = list(threads.map(make_key, [tmp_path / "master.key"] * 20))

    assert 1 == len({key for key, _ in made})
    assert [True] == [ours for _, ours in made if ours]


def test_twenty_processes_make_one_key(tmp_path: Path):
    file = tmp_path / "master.key"
    made = [outcome.out.split() for outcome in at_once.together(*[("make_key", str(file))] * 20)]

    assert {read_key(file)} == {bytes.fromhex(key) for key, _ in made}
    assert ["True"] == [ours for _, ours in made if ours == "True"]
    assert [file] == list(tmp_path.iterdir())
