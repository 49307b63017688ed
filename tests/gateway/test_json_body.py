"""A body means the same whether it is read quickly or with care, and what stands twice is refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monoize.gateway.errors import MalformedRequest
from monoize.gateway.json_body import _decoder, read_object

# Texts and names made of what the quick way could stumble over.
crooked = st.text(st.sampled_from('":\\ {}[],ab\n\té'), max_size=6)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | crooked,
    lambda inner: st.lists(inner, max_size=3) | st.lists(st.tuples(crooked, inner), max_size=3).map(tuple),
    max_leaves=12,
)
spaces = st.sampled_from(["", " ", "\n", "\t", "\r\n"])


@st.composite
def bodies(draw):
    """Objects as text, whose members may stand twice, with spaces in odd places; and whether one does."""
    is_double = False

    def written(value):
        nonlocal is_double
        if isinstance(value, tuple):
            names = [name for name, _ in value]
            is_double = is_double or len(set(names)) < len(names)
            members = (f"{json.dumps(n)}{draw(spaces)}:{draw(spaces)}{written(v)}" for n, v in value)
            return "{" + f"{draw(spaces)},".join(members) + "}"
        if isinstance(value, list):
            return "[" + ",".join(map(written, value)) + "]"
        return json.dumps(value, ensure_ascii=draw(st.booleans()))

    body = written(tuple(draw(st.lists(st.tuples(crooked, values), max_size=4))))
    return body.encode(), is_double


@given(bodies())
def test_what_stands_twice_is_refused_and_everything_else_means_what_it_says(case):
    body, is_double = case
    if is_double:
        with pytest.raises(MalformedRequest):
            read_object(body)
    else:
        assert _decoder.decode(body.decode()) == read_object(body)


@pytest.mark.parametrize(
    "body",
    [
        rb'{"a":1,"a":2}',
        rb'{"a":1,"\u0061":2}',
        rb'{"a" :1,"a":2}',
        b'{"a"\r\n:1,"a":2}',
        rb'{"x":"\":","a":1,"a":2}',
        rb'{"x":"\\","a":1,"a":2}',
        rb'{"x\\":"\\\":","a":1,"a":2}',
        b'{"a":{"b":1,"b":2},"c" :3}',
    ],
)
def test_a_second_member_cannot_be_hidden(body: bytes):
    with pytest.raises(MalformedRequest):
        read_object(body)
