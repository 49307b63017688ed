"""`/v1/models`: what a key may ask for, as OpenAI lists it and as Anthropic and Google do."""

from collections.abc import Sequence
from typing import Literal

from monoize.contract.grant import Grant
from monoize.contract.snapshot import Snapshot
from monoize.gateway.errors import ModelNotFound
from monoize.gateway.protocol.urp import Json
from monoize.gateway.selection import offered_models

Shape = Literal["openai", "anthropic", "google"]
_SOME_DAY = "2025-01-01T00:00:00Z"


def listed(snapshot: Snapshot, grant: Grant, shape: Shape) -> Json:
    names = offered_models(snapshot, grant)
    match shape:
        case "openai":
            return {"object": "list", "data": [_model(name, shape) for name in names]}
        case "anthropic":
            data = [_model(name, shape) for name in names]
            return {"data": data, "has_more": False, "first_id": _end(names, 0), "last_id": _end(names, -1)}
        case "google":
            return {"models": [_model(name, shape) for name in names]}


def one(snapshot: Snapshot, grant: Grant, shape: Shape, name: str) -> Json:
    if name not in offered_models(snapshot, grant):
        raise ModelNotFound
    return _model(name, shape)


def _model(name: str, shape: Shape) -> Json:
    match shape:
        case "openai":
            return {"id": name, "object": "model", "created": 0, "owned_by": "monoize"}
        case "anthropic":
            return {"type": "model", "id": name, "display_name": name, "created_at": _SOME_DAY}
        case "google":
            methods = ["generateContent", "streamGenerateContent"]
            return {"name": f"models/{name}", "displayName": name, "supportedGenerationMethods": methods}


def _end(names: Sequence[str], place: int) -> str | None:
    return names[place] if names else None
