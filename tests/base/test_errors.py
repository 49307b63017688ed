import pkgutil
import re
from importlib import import_module

import monoize
from monoize.base.errors import NotFound, Refusal, TooMany, every_refusal


def _everything_imported() -> list[type[Refusal]]:
    for module in pkgutil.walk_packages(monoize.__path__, "monoize."):
        if not module.name.endswith("__main__") and ".versions." not in module.name:
            import_module(module.name)
    return [kind for kind in every_refusal() if kind.__module__.startswith("monoize.")]


def test_no_two_refusals_share_a_code():
    codes: dict[str, type[Refusal]] = {}
    for kind in _everything_imported():
        assert kind is codes.setdefault(kind.code, kind)


def test_every_code_is_a_plain_lower_case_name():
    for kind in _everything_imported():
        assert re.fullmatch("[a-z][a-z0-9]*(_[a-z0-9]+)*", kind.code), kind


def test_every_refusal_says_in_its_docstring_what_is_wrong():
    for kind in _everything_imported():
        message = (kind.__doc__ or "").strip()
        assert message
        assert message[0].isupper() and message.endswith("."), kind
        assert "\n" not in message, kind


def test_a_message_given_when_raising_replaces_the_default():
    assert "There is nothing here." == NotFound().message
    assert "No such key." == NotFound("No such key.").message
    assert "No such key." == str(NotFound("No such key."))


def test_a_refusal_carries_its_details_and_its_cure():
    refusal = NotFound(hint="Look elsewhere.", wanted="key")

    assert "Look elsewhere." == refusal.cure
    assert {"wanted": "key"} == refusal.details


def test_too_many_says_when_to_come_back():
    refusal = TooMany(retry_after_s=7)

    assert 7 == refusal.retry_after_s
    assert {"retry_after_s": 7} == refusal.details
