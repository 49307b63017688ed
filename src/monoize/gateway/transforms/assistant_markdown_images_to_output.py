"""An answer whose Markdown images are images of their own, behind the text in which they stood."""

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from monoize.contract.transforms.images import AssistantMarkdownImagesToOutput
from monoize.gateway.protocol.messages.media import inline_of
from monoize.gateway.protocol.urp import Image, Node, StreamEvent, Text, TextDelta, Url
from monoize.gateway.transforms.about import About
from monoize.gateway.transforms.retelling import Delta, Retelling, lacking

_ADDRESS: Final = r"(?:https?://|data:image/)[^\s()<>\"]+"
_TITLE: Final = r"\"[^\"\n]{0,1000}\""
_IMAGE: Final = re.compile(rf"!\[[^\]\n]{{0,1000}}\]\(({_ADDRESS})(?:[ \t]{{1,9}}{_TITLE})?\)")
_BEGUN: Final = re.compile(
    r"!(?:\[[^\]\n]{0,1000}(?:\](?:\((?:[hd][^\s()<>\"]*(?:[ \t]{1,9}(?:\"[^\"\n]{0,1000}\"?)?)?)?)?)?)?\Z"
)
"""From where an image may have begun that has not ended."""
_IN_ITS_ADDRESS: Final = re.compile(r"!\[[^\]\n]{0,1000}\]\([hd][^\s()<>\"]*\Z")
_AFTER_AN_ADDRESS: Final = re.compile(r"[\s()<>\"]")


class Retold(Retelling):
    def __init__(self, config: AssistantMarkdownImagesToOutput, about: About) -> None:
        super().__init__()
        self._reader: _Reader | None = None
        self._begun = Text(role="assistant", text="")
        self._heard: list[str] = []
        self._told: list[str] = []

    def begun(self, node: Node) -> Iterator[StreamEvent]:
        if isinstance(node, Text):
            self._reader, self._begun, self._heard, self._told = _Reader(), node, [], []
        else:
            yield self._begin(node)

    def grown(self, delta: Delta) -> Iterator[StreamEvent]:
        if self._reader and isinstance(delta, TextDelta):
            self._heard.append(delta.text)
            yield from self._say(self._reader.read(delta.text))
        else:
            yield self._more(delta)

    def done(self, node: Node) -> Iterator[StreamEvent]:
        if self._reader is None or not isinstance(node, Text):
            yield self._end(node)
            return
        yield from self._say(self._reader.read(lacking(node.text, "".join(self._heard))))
        yield from self._say(self._reader.end())
        if self._told or not self._reader.images:
            if not self._told:
                yield self._begin(self._begun)
            yield self._end(msgspec.structs.replace(node, text="".join(self._told)))
        for image in self._reader.images:
            yield self._begin(image)
            yield self._end(image)
        self._reader = None

    def _say(self, text: str) -> Iterator[StreamEvent]:
        if text:
            if not self._told:
                yield self._begin(self._begun)
            self._told.append(text)
            yield self._text(text)


class _Reader:
    """Takes a text apart while it comes. What may turn out to be an image is held back."""

    def __init__(self) -> None:
        self.images: list[Image] = []
        self._held: list[str] = []
        # An image sent along is long: more of it is not looked through again.
        self._is_in_address = False

    def read(self, text: str) -> str:
        """What is certainly no image."""
        self._held.append(text)
        if self._is_in_address and not _AFTER_AN_ADDRESS.search(text):
            return ""
        held = self._without_images("".join(self._held))
        begun = _BEGUN.search(held)
        kept = begun[0] if begun else ""
        self._held = [kept]
        self._is_in_address = _IN_ITS_ADDRESS.match(kept) is not None
        return held.removesuffix(kept)

    def end(self) -> str:
        """What is held back by now is no image: it has no end."""
        held, self._held = "".join(self._held), []
        return held

    def _without_images(self, text: str) -> str:
        def take(found: re.Match[str]) -> str:
            self.images.append(_image(found[1]))
            return ""

        return _IMAGE.sub(take, text)


def _image(address: str) -> Image:
    return Image(role="assistant", source=inline_of(address) or Url(url=address))
