"""Answers to a change that has to be carried out before its result can be shown."""

import dataclasses
import json
from typing import Any

from pydantic import TypeAdapter
from starlette.responses import Response


@dataclasses.dataclass(frozen=True, slots=True)
class Preview:
    """A configuration as nginx would read it."""

    config: str


def kept_id(answer: Response) -> int:
    """The id of what a change has made or changed."""
    kept: int = json.loads(bytes(answer.body))["id"]
    return kept


def with_body(answer: Response, shown: Any) -> Response:
    """The same answer about something as it is now."""
    headers = {name: value for name, value in answer.headers.items() if name != "content-length"}
    return Response(TypeAdapter(type(shown)).dump_json(shown), answer.status_code, headers)
