import time
import uuid

from monoize.base.ids import fingerprint, new_id, new_secret


def test_an_id_is_a_uuid_of_version_7():
    made = uuid.UUID(new_id())

    assert (7, uuid.RFC_4122) == (made.version, made.variant)


def test_ids_sort_by_the_millisecond_they_were_made_in():
    made = []
    for _ in range(5):
        made.append(new_id())
        time.sleep(0.002)

    assert sorted(made) == made


def test_an_id_carries_the_time_it_was_made_at():
    before = time.time_ns() // 1_000_000
    made = uuid.UUID(new_id())
    after = time.time_ns() // 1_000_000

    assert before <= made.int >> 80 <= after


def test_ids_made_at_once_all_differ():
    assert 10_000 == len({new_id() for _ in range(10_000)})


def test_a_secret_is_256_random_bits_behind_its_prefix():
    secret = new_secret("mz_")

    assert ("mz_", 64) == (secret[:3], len(secret[3:]))
    assert int(secret[3:], 16) < 2**256
    assert secret != new_secret("mz_")


def test_a_fingerprint_finds_a_secret_again_and_does_not_contain_it():
    secret = new_secret()

    assert fingerprint(secret) == fingerprint(secret)
    assert 64 == len(fingerprint(secret))
    assert secret not in fingerprint(secret)
    assert fingerprint(secret) != fingerprint(secret[:-1] + "x")
