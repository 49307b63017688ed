"""A request that OpenAI can send to where the beginning of its prompt is cached."""

import hashlib
import json
from itertools import takewhile
from typing import Any, Final

import msgspec

from monoize.contract.transforms.caches import AutoCacheOpenaiPrompt
from monoize.gateway.protocol.urp import Request
from monoize.gateway.transforms.about import About
from monoize.gateway.transforms.roles import is_instruction

_KEY: Final = "prompt_cache_key"
_RETENTION: Final = "prompt_cache_retention"
_DIGEST_BYTES: Final = 16


def request(request: Request, config: AutoCacheOpenaiPrompt, about: About) -> Request:
    added = {_KEY: f"{config.key_prefix}_{_digest(_in_common(request, config, about))}"}
    if config.retention is not None:
        added[_RETENTION] = config.retention
    said = {name: value for name, value in request.extra.items() if value is not None}
    return msgspec.structs.replace(request, extra={**request.extra, **added, **said})


def _in_common(request: Request, config: AutoCacheOpenaiPrompt, about: About) -> list[Any]:
    if config.key_mode == "identity":
        return [about.username, about.key_id]
    nodes = request.input if config.include_full_input else takewhile(is_instruction, request.input)
    whose = about.username if config.include_user else None
    return [request.model, whose, list(nodes), request.tools, request.response_format]


def _digest(document: list[Any]) -> str:
    # Not every number of a caller fits into what msgspec writes.
    text = json.dumps(msgspec.to_builtins(document), sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=_DIGEST_BYTES).hexdigest()
