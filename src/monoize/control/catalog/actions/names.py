"""What administrators say about names of models that nobody offers; lists are replaced as a whole."""

from collections.abc import Sequence

from monoize.control.catalog.model.names import Suffix, check
from monoize.control.catalog.store import names, providers
from monoize.control.edge.redirects import ModelRedirect
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx


async def list_redirects(tx: Tx) -> Sequence[ModelRedirect]:
    return await names.redirects(tx)


async def replace_redirects(change: Change, rules: Sequence[ModelRedirect]) -> Sequence[ModelRedirect]:
    """The first that matches counts."""
    await providers.lock(change.tx)
    await names.put_redirects(change.tx, rules)
    told = [f"{rule.pattern} = {rule.replace}" for rule in rules]
    change.record("redirects.replace", "routing", "redirects", redirects=told)
    return await names.redirects(change.tx)


async def list_suffixes(tx: Tx) -> Sequence[Suffix]:
    return await names.suffixes(tx)


async def replace_suffixes(change: Change, suffixes: Sequence[Suffix]) -> Sequence[Suffix]:
    check(suffixes)
    await providers.lock(change.tx)
    await names.put_suffixes(change.tx, suffixes)
    told = {each.suffix: each.effort for each in suffixes}
    change.record("suffixes.replace", "routing", "suffixes", suffixes=told)
    return await names.suffixes(change.tx)
