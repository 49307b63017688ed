"""Bodies that hold a credential: read by our own strict reader, which leaves numbers as they were written."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, Field, ValidationError

from monoize.control.edge.problem import MalformedBody
from monoize.control.edge.wire import STORABLE, Wire
from monoize.control.fleet.model import json_text

_DIGEST: Final = r"^[0-9a-fA-F]{64}$"

Digest = Annotated[str, Field(max_length=64, pattern=_DIGEST), AfterValidator(str.lower)]
Version = Annotated[str, Field(min_length=1, max_length=64), STORABLE]


class Sync(Wire):
    """A call to `/auth` without its document. Of `digest` there are three spellings, of which one is sent."""

    command: Literal["retrieve", "store"] = "retrieve"
    digest: Digest | None = None
    auth_digest: Digest | None = None
    auth_sha: Digest | None = None
    digest_alg: Literal["sha256/canonical-1"] | None = None
    base_digest: Digest | None = None
    last_refresh: Annotated[str, Field(max_length=64)] | None = None
    client_version: Version | None = None
    wrapper_version: Version | None = None
    installation_id: Annotated[str, Field(max_length=64), STORABLE] | None = None

    @property
    def shown_digest(self) -> str | None:
        return self.digest or self.auth_digest or self.auth_sha


def sync_of(body: bytes) -> tuple[Sync, Any]:
    """The call, and the document that it brings along, if it does."""
    given = dict(_object_of(body))
    document = given.pop("auth", None)
    try:
        return Sync.model_validate(given), document
    except ValidationError as problem:
        found = [{**error, "loc": ("body", *error["loc"])} for error in problem.errors(include_input=False)]
        raise RequestValidationError(found) from None


def document_of(body: bytes) -> Any:
    """A document as it is, or as the `auth` of an object with nothing else."""
    given = _object_of(body)
    return given["auth"] if given.keys() == {"auth"} else given


def _object_of(body: bytes) -> Mapping[str, Any]:
    try:
        given = json_text.read(body)
    except ValueError as problem:
        raise MalformedBody(f"The request body {problem}.") from None
    if not isinstance(given, Mapping):
        raise MalformedBody("The request body must be an object.")
    return given
