"""What `rate_limits_json` has counted for a request. Pure: who counts is `infra/quotas`."""

from collections.abc import Iterator
from typing import Final, Literal

from monoize.base.quotas import Quota, Window
from monoize.contract.governed import Governed
from monoize.contract.policies import globs
from monoize.contract.policies.catalogue import PolicyName
from monoize.contract.policies.rate_limits import RateLimits

POLICY: Final[PolicyName] = "rate_limits_json"
_REQUESTS: Final[tuple[tuple[str, Window], ...]] = (
    ("burst", "second"),
    ("requests_per_minute", "minute"),
    ("requests_per_hour", "hour"),
    ("requests_per_day", "day"),
)
_TOKENS: Final[tuple[tuple[str, Window], ...]] = (("tokens_per_minute", "minute"), ("tokens_per_day", "day"))


Kind = Literal["rates", "shadow"]
"""What is in shadow is counted apart."""


def quotas_of(rates: RateLimits, model: str, tokens: int) -> tuple[Quota, ...]:
    """Each is called as the field that it stands in."""
    return tuple(_quotas(rates, model, tokens))


def counted_at(rates: RateLimits, governed: Governed, user_id: str, kind: Kind) -> str:
    """Whose requests are counted together."""
    whose = {"agent": "", "agent_tenant": f":{governed.tenant_id}", "agent_user": f":{user_id}"}[rates.key]
    return f"{kind}:{governed.config_id}{whose}"


def _quotas(rates: RateLimits, model: str, tokens: int) -> Iterator[Quota]:
    for field, window in _REQUESTS:
        most = getattr(rates, field)
        if most is not None:
            yield Quota(field, window, most)
    for field, window in _TOKENS:
        most = getattr(rates, field)
        if most is not None:
            yield Quota(field, window, most, tokens)
    for glob, rate in rates.per_model.items():
        if not globs.matches((glob,), model):
            continue
        if rate.per_minute is not None:
            yield Quota(f"per_model/{glob}/per_minute", "minute", rate.per_minute)
        if rate.tokens_per_minute is not None:
            yield Quota(f"per_model/{glob}/tokens_per_minute", "minute", rate.tokens_per_minute, tokens)
