"""One prediction as Replicate tells of it, and where each is to be found behind a base URL."""

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from monoize.gateway.protocol.chat.media import source_of
from monoize.gateway.protocol.errors import BadAnswer
from monoize.gateway.protocol.urp import Inline, Url

PREDICTIONS: Final = "/v1/predictions"

_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}"
_MODEL: Final = re.compile(
    rf"(?P<deployment>deployment:)?(?P<name>{_NAME}/{_NAME})(?::(?P<version>[A-Za-z0-9]{{1,128}}))?"
)
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ENDINGS: Final = frozenset({"succeeded", "failed", "canceled", "aborted"})
_ADDRESS: Final = re.compile(r"https://\S{1,4096}|data:[a-z]+/[a-z0-9.+-]+;base64,[A-Za-z0-9+/=]+")
_NOT_JSON: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Prediction(msgspec.Struct):
    id: str
    status: str
    output: Any = None
    error: Any = None
    metrics: Any = None
    model: Any = None

    @property
    def is_over(self) -> bool:
        return self.status in _ENDINGS

    @property
    def path(self) -> str:
        """From its id, not from the address that it names: our credential goes nowhere but to its channel."""
        if not _ID.fullmatch(self.id):
            raise BadAnswer("The prediction has an id that cannot be one.")
        return f"{PREDICTIONS}/{self.id}"

    def texts(self) -> list[str]:
        """Of what it came to; language models tell it in pieces."""
        return [text for text in self._said() if not _ADDRESS.fullmatch(text)]

    def media(self) -> list[Url | Inline]:
        return [source_of(text) for text in self._said() if _ADDRESS.fullmatch(text)]

    def _said(self) -> Iterator[str]:
        found = self.output if isinstance(self.output, list) else [self.output]
        return (text for text in found if isinstance(text, str) and text)


class Place(msgspec.Struct, frozen=True):
    """Where a model's predictions are created. Some are named by the version that runs."""

    path: str
    version: str | None = None


_prediction: Final = msgspec.json.Decoder(Prediction)


def read_prediction(body: bytes) -> Prediction:
    try:
        return _prediction.decode(body)
    except _NOT_JSON:
        raise BadAnswer("The provider answered with something else than a prediction.") from None


def place_of(model: str) -> Place | None:
    """None for what is no name of a model there."""
    found = _MODEL.fullmatch(model)
    if found is None or (found["deployment"] and found["version"]):
        return None
    if found["version"]:
        return Place(PREDICTIONS, found["version"])
    kind = "deployments" if found["deployment"] else "models"
    return Place(f"/v1/{kind}/{found['name']}/predictions")
