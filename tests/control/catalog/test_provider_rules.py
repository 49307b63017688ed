"""The pure rules of providers: exact multipliers, hints that give nothing away, and presets without a mistake."""

import re
from decimal import Decimal
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cost_strategies import at_leisure

from monoize.base.urls import endpoint
from monoize.contract.snapshot import ChannelType
from monoize.control.catalog.api.provider_wire import MULTIPLIER_SHAPE
from monoize.control.catalog.model.presets import Preset, presets
from monoize.control.catalog.model.providers import PRICE_PROVIDERS, billionths, hint_of, multiplier_text
from monoize.control.catalog.tables import PROVIDER_TYPES

PATHS = {
    "responses": "/v1/responses",
    "chat_completion": "/v1/chat/completions",
    "messages": "/v1/messages",
    "gemini": "/v1beta/models/m:generateContent",
    "replicate": "/v1/predictions",
    "echo": "/v1/echo",
}


@at_leisure
@given(st.integers(1, 10**18 - 1))
def test_a_multiplier_survives_being_written_and_read(exact: int):
    text = multiplier_text(exact)

    assert exact == billionths(text)
    assert Decimal(exact) / 10**9 == Decimal(text)
    assert text == multiplier_text(billionths(f"{text}0" if "." in text and len(text.split(".")[1]) < 9 else text))


@at_leisure
@given(st.from_regex(MULTIPLIER_SHAPE.replace("$", r"\Z"), alphabet="0123456789."))
def test_whatever_has_the_shape_of_one_is_read_exactly_or_is_nought(text: str):
    if Decimal(text):
        assert Decimal(text) * 10**9 == billionths(text)
    else:
        with pytest.raises(ValueError):
            billionths(text)


@at_leisure
@given(st.text(max_size=30))
def test_nothing_else_is_one(text: str):
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text, re.ASCII):
        with pytest.raises(ValueError):
            billionths(text)


@given(st.text(max_size=40))
def test_a_hint_is_at_most_a_quarter_of_a_credential(credential: str):
    hint = hint_of(credential)

    assert hint is None or (credential.endswith(hint) and 4 * len(hint) <= len(credential))
    assert (hint is None) == (len(credential) < 16)


def test_every_type_can_be_stored_and_has_somebody_s_prices():
    assert set(get_args(ChannelType)) == set(PRICE_PROVIDERS) == set(re.findall(r"'(\w+)'", PROVIDER_TYPES))


@pytest.mark.parametrize("preset", presets(), ids=lambda preset: preset.id)
def test_no_preset_s_address_repeats_a_version(preset: Preset):
    address = endpoint(preset.base_url, PATHS[preset.type])

    assert 1 == len(re.findall(r"/v[0-9]+(?:beta)?(?=/)", address)), address
    assert preset.price_provider == preset.price_provider.lower()
