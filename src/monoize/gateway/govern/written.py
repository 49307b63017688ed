"""What is written down of what a governed request says: which kinds of personal data there were, never more."""

from collections.abc import Callable

from monoize.base.personal_data.finding import KINDS
from monoize.base.personal_data.search import find
from monoize.base.personal_data.secrets import is_secret_of
from monoize.base.personal_data.treatments import substitute, treated
from monoize.contract.governed import Governed
from monoize.contract.policies.pii import PiiPolicy
from monoize.gateway.govern import sieve
from monoize.gateway.govern.json_text import changed_json, is_json


def redaction(governed: Governed | None) -> Callable[[str], str] | None:
    """None where all may be written down as it is. Policies in shadow take nothing away from this."""
    if governed is None:
        return None
    policy: PiiPolicy = governed.policy.in_force(sieve.POLICY) or PiiPolicy()
    if policy.store_raw:
        return None
    allowed = frozenset(policy.allow_values)

    def of_value(name: str | None, text: str) -> str:
        if name and is_secret_of(name, text):
            return substitute("secret", text, "redact", b"")
        findings = find(text, KINDS, policy.min_confidence, allowed=allowed)
        return treated(text, findings, lambda kind: "redact", b"").text

    return lambda text: changed_json(text, of_value) if is_json(text) else of_value(None, text)
