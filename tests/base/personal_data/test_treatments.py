"""What stands in the place of values."""

import pytest

from monoize.base.personal_data.finding import Finding
from monoize.base.personal_data.treatments import masked, substitute, treated

MASKED = {
    ("email", "john@example.com"): "j***@e***.com",
    ("card", "4111 1111 1111 1111"): "**** **** **** 1111",
    ("iban", "GB82WEST12345698765432"): "******************5432",
    ("phone", "+49 30 1234567"): "+** ** ***4567",
    ("national_id", "123-45"): "***-45",
    ("ip", "8.8.4.4"): "8.*.*.*",
    ("ip", "2001:db8::1"): "2001:*::*",
    ("name", "Ann Lee"): "A*** L***",
    ("address", "12 Main Street"): "1*** M*** S***",
    ("secret", "hunter2"): "****",
    ("secret", "sk-abcdefghijklmnopqrstuvwx"): "****uvwx",
}


@pytest.mark.parametrize(("kind", "value"), MASKED)
def test_a_mask_keeps_the_shape_and_not_the_value(kind, value):
    assert MASKED[kind, value] == masked(kind, value)


def test_tokens_are_the_same_for_the_same_value_and_nothing_without_the_key():
    one = substitute("card", "4111 1111 1111 1111", "tokenize", b"key")

    assert one == substitute("card", "4111111111111111", "tokenize", b"key")
    assert one != substitute("card", "4111111111111111", "tokenize", b"another key")
    assert one != substitute("phone", "4111111111111111", "tokenize", b"key")
    assert one.startswith("[card:") and len("[card:0123456789abcdef]") == len(one)
    assert substitute("email", "Ann@Example.com", "tokenize", b"k") == substitute(
        "email", "ann@example.com", "tokenize", b"k"
    )


def test_all_is_told_but_what_was_found():
    text = "a ann@x.org b 8.8.8.8 c"
    findings = [Finding("email", 2, 11, 1.0), Finding("ip", 14, 21, 1.0)]
    told = treated(text, findings, {"email": "redact", "ip": "allow"}.__getitem__, b"")

    assert ("a [email] b 8.8.8.8 c", {"email": 1, "ip": 1}) == (told.text, told.counts)
    assert text == treated(text, [], lambda kind: "redact", b"").text
