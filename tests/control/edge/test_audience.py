"""Who listens to streams: bounded by caller and in all."""

import contextlib

import pytest

from monoize.base.principal import Principal
from monoize.control.edge.audience import Audience, TooManyStreams


def caller(id: str) -> Principal:
    return Principal("user", id, id, "user", None, frozenset())


def test_one_caller_keeps_no_other_out_and_all_together_are_bounded():
    audience = Audience(of_one_most=2, most=3)
    with contextlib.ExitStack() as stack:
        stack.enter_context(audience.one_more(caller("me")))
        stack.enter_context(audience.one_more(caller("me")))
        with pytest.raises(TooManyStreams), audience.one_more(caller("me")):
            pass
        stack.enter_context(audience.one_more(caller("you")))
        with pytest.raises(TooManyStreams), audience.one_more(caller("third")):
            pass
    with audience.one_more(caller("third")):
        pass
