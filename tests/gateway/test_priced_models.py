"""What people are told a model costs them is what its first channel charges, and only of what they may ask for."""

import msgspec
from support.gateway import Bench, channel, provider

from monoize.contract.grant import Grant
from monoize.contract.snapshot import Offer
from monoize.gateway.models import PricedModel, priced

GRANT = Grant(key_id="k", user_id="u", tenant_id="t", username="ada")


def _dearer(name: str) -> Offer:
    return Offer(name, multiplier=1_250_000_000)


async def test_a_price_is_for_a_million_tokens_and_with_the_multiplier(bench: Bench):
    http = channel(
        "http://there.invalid", "messages", "plain", offers={"dear": _dearer("dear"), "new": Offer("new")}
    )
    free = channel("", "echo", "said-back")
    bench.offer(provider(http), provider(free), new=None, said_back=None)

    assert [
        PricedModel("dear", 1_250_000_000, 2_500_000_000),
        PricedModel("new", None, None),
        PricedModel("plain", 1_000_000_000, 2_000_000_000),
        PricedModel("said-back", 0, 0),
    ] == priced(bench.snapshot, GRANT)


async def test_what_a_key_may_not_ask_for_has_no_price(bench: Bench):
    bench.offer(
        provider(channel("", "echo", "one", "two"), groups=frozenset({"research"})),
        provider(channel("", "echo", "three")),
    )

    def names(**facts: object) -> list[str]:
        return [model.name for model in priced(bench.snapshot, msgspec.structs.replace(GRANT, **facts))]

    assert ["one", "three", "two"] == names()
    assert ["one", "two"] == names(groups=frozenset({"research"}))
    assert ["two"] == names(models=frozenset({"tw*"}))
    assert [] == names(is_barred=True)
