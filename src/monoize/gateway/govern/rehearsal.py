"""The gates that count and those that read, asked of what was recorded. Pure: nothing is held, sent or written.

A policy test asks; `main/governance` gives it to the control plane. What reads takes long to load, so it waits for
the first who asks.
"""

from collections.abc import Sequence

from monoize.base.quotas import Quota
from monoize.contract.gates.decision import Decision
from monoize.contract.gates.windows import Account, Spender, accounts_of
from monoize.contract.governed import Governed
from monoize.gateway.govern import rates


class Rehearsal:
    def quotas(self, governed: Governed, user_id: str, model: str, tokens: int) -> tuple[str, Sequence[Quota]]:
        """Where it is counted, and what."""
        document = governed.policy.in_force(rates.POLICY)
        if document is None:
            return "", ()
        return rates.counted_at(document, governed, user_id, "rates"), rates.quotas_of(document, model, tokens)

    def accounts(self, governed: Governed, user_id: str, model: str, at_s: int) -> Sequence[Account]:
        """Whose run or session it belonged to nobody has written down: those accounts are not among them."""
        budgets = governed.policy.in_force("budgets_json")
        found = accounts_of(budgets, None, governed, Spender(user_id), model, at_s)
        return [each for each in found if not each.name.startswith(("run:", "session:"))]

    def reads_content(self, governed: Governed) -> bool:
        from monoize.gateway.govern.content import needs_content

        return needs_content(governed.policy)

    def of_content(self, captured: bytes, governed: Governed) -> Sequence[Decision]:
        """ValueError with what is missing where this cannot be said."""
        from monoize.gateway.govern.rehearsed_content import decisions_on

        return decisions_on(captured, governed)
