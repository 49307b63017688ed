"""The rules for all requests; they are replaced as a whole, since their order counts."""

from collections.abc import Sequence

from monoize.control.catalog.store import providers, transforms
from monoize.control.edge.transforms import TransformRule
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx


async def list_rules(tx: Tx) -> Sequence[TransformRule]:
    return await transforms.rules(tx)


async def replace_rules(change: Change, rules: Sequence[TransformRule]) -> Sequence[TransformRule]:
    await providers.lock(change.tx)
    await transforms.put_rules(change.tx, rules)
    told = [f"{rule.phase} {rule.transform}{'' if rule.enabled else ' (off)'}" for rule in rules]
    change.record("transforms.replace", "routing", "transforms", transforms=told)
    return await transforms.rules(change.tx)
