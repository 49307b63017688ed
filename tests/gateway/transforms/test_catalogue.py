"""Every transform of the catalogue does what its phases promise, and says what it is."""

import re
from pathlib import Path

import pytest
from gateway.transforms.telling import CONFIGS

from monoize.contract.transforms.catalogue import CATALOGUE, canonical, name_of, schema_of, written_rule
from monoize.contract.transforms.rule import Config
from monoize.gateway.transforms.catalogue import TRANSFORMS

every_transform = pytest.mark.parametrize(("name", "kind"), CATALOGUE.items(), ids=CATALOGUE)


@every_transform
def test_it_can_do_what_its_phases_promise(name: str, kind: type[Config]):
    transform = TRANSFORMS[kind]
    on_requests = transform.request or transform.fetched or transform.edited
    on_answers = transform.retold or transform.edited

    assert kind.phases == (("request",) if on_requests else ()) + (("response",) if on_answers else ())


@every_transform
def test_it_says_what_it_does_and_what_it_is_told(name: str, kind: type[Config]):
    assert (kind.__doc__ or "").strip().endswith(".")
    assert name_of(kind) == name
    schema = schema_of(kind)
    assert schema["additionalProperties"] is False
    assert set(kind.__struct_fields__) == set(schema["properties"])


@every_transform
def test_it_is_configured_strictly(name: str, kind: type[Config]):
    phase, config = kind.phases[0], CONFIGS.get(name, {})

    assert kind is type(written_rule(name, phase, ("gpt-*",), config).config)
    with pytest.raises(ValueError, match=f"^{name}: .*unknown field"):
        written_rule(name, phase, (), {**config, "misspelt": 1})


def test_hyphens_and_capitals_are_another_spelling_of_a_name():
    assert "strip_reasoning" == canonical("Strip-Reasoning")
    assert written_rule("strip_reasoning", None, (), {}) == written_rule("Strip-Reasoning", None, (), {})


@pytest.mark.parametrize(
    ("name", "phase", "config", "problem"),
    [
        ("make_coffee", None, {}, "there is no transform make_coffee"),
        ("strip_reasoning", "request", {}, "strip_reasoning: has no request phase"),
        ("set_field", None, {"path": "a", "value": 1}, "set_field: say in which phase"),
        ("reasoning_to_think_xml", None, {"tag": "a b"}, r"reasoning_to_think_xml: .*\$\.tag"),
        ("reasoning_to_think_xml", None, {"tag": "think\n"}, r"reasoning_to_think_xml: .*\$\.tag"),
        ("override_max_tokens", None, {}, "override_max_tokens: .*value"),
        ("override_max_tokens", None, {"value": "9"}, "override_max_tokens: .*int"),
        ("set_field", "request", {"path": "model", "value": "x"}, "set_field: model is understood by the gateway"),
        ("set_field", "request", {"path": "n", "value": 9}, "set_field: n is understood by the gateway"),
        ("set_field", "request", {"path": "reasoning.effort", "value": "x"}, "set_field: reasoning.effort is"),
        ("remove_field", "response", {"path": "usage.cost"}, "remove_field: usage.cost is understood"),
        ("set_field", "request", {"path": "a..b", "value": 1}, r"set_field: .*\$\.path"),
    ],
)
def test_what_is_wrong_is_said_with_the_name_of_the_transform(
    name: str, phase: str | None, config: dict[str, object], problem: str
):
    with pytest.raises(ValueError, match=f"^{problem}"):
        written_rule(name, phase, (), config)


def test_what_the_gateway_does_not_understand_may_be_set():
    for path in ("service_tier", "reasoning.enabled", "provider.order", "metadata.team"):
        assert written_rule("set_field", "request", (), {"path": path, "value": [1]})


@every_transform
def test_it_is_documented(name: str, kind: type[Config]):
    document = (Path(__file__).parents[3] / "docs" / "transforms.md").read_text("utf-8")
    rows = [row for row in re.findall(r"^\| `.*\|$", document, re.MULTILINE) if f"`{name}`" in row.split("|")[1]]

    assert len(kind.phases) == len(rows)
    for row in rows:
        keys = {"every_key": "everybody", "admin_keys": "administrators", "no_key": "nobody"}[kind.reach]
        assert keys == row.split("|")[-2].strip()
        told = set(re.findall(r"`(\w+)`", row.split("|")[-3]))
        assert set(kind.__struct_fields__) <= told
