"""An answer whose images are shown in Markdown as well, right behind them."""

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote

from monoize.contract.transforms.images import AssistantOutputImagesToMarkdown
from monoize.gateway.protocol.urp import FileId, Image, Inline, Node, StreamEvent, Text, Url
from monoize.gateway.transforms.about import About
from monoize.gateway.transforms.retelling import Retelling, emptied

_PLACE: Final = re.compile(r"{(src|url|media_type|data)(_encoded)?}")


class Retold(Retelling):
    def __init__(self, config: AssistantOutputImagesToMarkdown, about: About) -> None:
        super().__init__()
        self._template = config.template
        # Where there are no images in answers, they are shown in Markdown anyway.
        self._keeps_images = about.caller != "messages"

    def begun(self, node: Node) -> Iterator[StreamEvent]:
        if self._keeps(node):
            yield self._begin(node)

    def done(self, node: Node) -> Iterator[StreamEvent]:
        if self._keeps(node):
            yield self._end(node)
        if isinstance(node, Image) and not isinstance(node.source, FileId):
            shown = Text(role="assistant", text=_filled(self._template, node.source))
            yield self._begin(emptied(shown))
            yield self._text(shown.text)
            yield self._end(shown)

    def _keeps(self, node: Node) -> bool:
        return self._keeps_images or not isinstance(node, Image) or isinstance(node.source, FileId)


def _filled(template: str, source: Inline | Url) -> str:
    if isinstance(source, Inline):
        told = {"src": f"data:{source.media_type};base64,{source.data}", "url": ""}
        told |= {"media_type": source.media_type, "data": source.data}
    else:
        told = {"src": source.url, "url": source.url, "media_type": "", "data": ""}
    return _PLACE.sub(lambda place: quote(told[place[1]], safe="") if place[2] else told[place[1]], template)
