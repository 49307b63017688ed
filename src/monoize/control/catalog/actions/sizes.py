"""How large models are said to be, for whoever writes down what was called."""

from collections.abc import Collection, Mapping

from monoize.control.catalog.model.records import ModelKey
from monoize.control.catalog.store import mirrors
from monoize.infra.db import Tx


async def size_classes(tx: Tx, model_keys: Collection[str]) -> Mapping[ModelKey, str]:
    """Of those that the catalogue of models lists."""
    return await mirrors.size_classes(tx, model_keys)
