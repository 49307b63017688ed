"""Forms: what is written is read again, by us and by somebody else's parser; nothing hostile is repaired."""

from email.parser import BytesParser
from email.policy import HTTP

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monoize.gateway.protocol.errors import BadRequest
from monoize.gateway.protocol.images.form import File, Form, read_form, write_form

names = st.from_regex(r"[A-Za-z0-9_.]{1,12}", fullmatch=True)
contents = st.binary(max_size=40) | st.sampled_from([b"\r\n--", b"--x\r\n", b"\r\n--x--\r\n", b"\r\n\r\n"])
files = st.builds(File, contents, st.sampled_from(["image/png", "image/webp"]))
members = st.lists(st.tuples(names, st.text(max_size=20) | files), max_size=6, unique_by=lambda member: member[0])


@given(members)
def test_what_is_written_is_read_again(wanted: list[tuple[str, str | File]]):
    form = write_form(wanted)

    assert {name: value if isinstance(value, str) else [value] for name, value in wanted} == form.members()


@given(members)
def test_others_read_the_same(wanted: list[tuple[str, str | File]]):
    form = write_form(wanted)
    message = BytesParser(policy=HTTP).parsebytes(b"content-type: " + form.content_type + b"\r\n\r\n" + form.body)
    parts = message.get_payload() if wanted else []
    read = [(part.get_param("name", header="content-disposition"), part.get_payload(decode=True)) for part in parts]

    assert [(name, value.encode() if isinstance(value, str) else value.content) for name, value in wanted] == read


@given(members, st.text(max_size=20))
def test_another_text_changes_nothing_else(wanted: list[tuple[str, str | File]], text: str):
    form = write_form([("model", "m"), *((f"_{name}", value) for name, value in wanted)])
    changed = read_form(form.with_text("model", text), form.content_type.decode())

    assert form.members() | {"model": text} == changed.members()


@given(members)
def test_a_part_that_is_left_out_leaves_the_others(wanted: list[tuple[str, str | File]]):
    form = write_form([("ours", "x"), *((f"_{name}", value) for name, value in wanted)])

    assert write_form([(f"_{name}", value) for name, value in wanted]).members() == form.without("ours").members()


@given(st.binary(max_size=200) | st.builds(lambda body: b"--x\r\n" + body + b"\r\n--x--", st.binary(max_size=99)))
def test_whatever_comes_is_a_form_or_refused(body: bytes):
    try:
        form = read_form(body, "multipart/form-data; boundary=x")
    except BadRequest:
        return
    assert isinstance(form, Form)


@pytest.mark.parametrize(
    "head",
    [
        'form-data; name="model"',
        "form-data; name=model",
        'Form-Data;name="model"',
        "form-data; name=\"model\"; filename*=utf-8''a",
    ],
)
def test_names_are_read_as_clients_write_them(head: str):
    body = f"--x\r\nContent-Type: text/plain\r\nContent-Disposition: {head}\r\n\r\nm\r\n--x--".encode()

    assert {"model": "m"} == read_form(body, 'Multipart/Form-Data; Boundary="x"').members()
