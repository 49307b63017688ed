"""The lists of a document that hold for all requests: compared, and written behind the lock of routing."""

from monoize.control.catalog.model import configured_lists
from monoize.control.catalog.model.configuration import Difference, Wanted
from monoize.control.catalog.store import names, transforms
from monoize.infra.db import Tx


async def differences(tx: Tx, wanted: Wanted) -> list[Difference]:
    found: list[Difference] = []
    if wanted.redirects is not None:
        found += configured_lists.of_redirects(await names.redirects(tx), wanted.redirects)
    if wanted.suffixes is not None:
        found += configured_lists.of_suffixes(await names.suffixes(tx), wanted.suffixes)
    if wanted.transforms is not None:
        found += configured_lists.of_transforms(await transforms.rules(tx), wanted.transforms)
    return found


async def write(tx: Tx, wanted: Wanted) -> None:
    if wanted.redirects is not None:
        await names.put_redirects(tx, wanted.redirects)
    if wanted.suffixes is not None:
        await names.put_suffixes(tx, wanted.suffixes)
    if wanted.transforms is not None:
        await transforms.put_rules(tx, wanted.transforms)
