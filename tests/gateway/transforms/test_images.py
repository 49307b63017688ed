"""Images, fetched and shown."""

import asyncio
import itertools

import pytest
from gateway.transforms.telling import (
    ABOUT,
    configured,
    output_of,
    pieces,
    request,
    retelling,
    said,
    told,
    user,
    whole,
)
from hypothesis import given
from hypothesis import strategies as st
from support.cost_strategies import at_leisure

from monoize.contract.transforms.images import ResolveImageUrls
from monoize.gateway.protocol import urp
from monoize.gateway.transforms.resolve_image_urls import AT_ONCE, IMAGES_MOST, fetched
from monoize.gateway.upstream.outside import Fetched, NotFetched

PNG = urp.Image(role="assistant", source=urp.Inline(media_type="image/png", data="aGk="))
LINKED = urp.Image(role="assistant", source=urp.Url(url="https://example.com/a.png?b=c d"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("See ![a cat](https://x.org/c.png) there", ("See  there", "https://x.org/c.png")),
        ('![](https://x.org/c.png "A cat")', (None, "https://x.org/c.png")),
        ("![a](data:image/png;base64,aGk=)", (None, "aGk=")),
        (
            "![a](https://x.org/1.png)![b](https://x.org/2.png)",
            (None, "https://x.org/1.png", "https://x.org/2.png"),
        ),
        ("A [link](https://x.org) and ![a](c.png)!", ("A [link](https://x.org) and ![a](c.png)!",)),
        ("![a](https://x.org/never ends", ("![a](https://x.org/never ends",)),
        ("![a](javascript:alert)", ("![a](javascript:alert)",)),
        ("![a](file:///etc/passwd)", ("![a](file:///etc/passwd)",)),
    ],
)
def test_markdown_images_stand_behind_their_text(text: str, expected: tuple[str | None, ...]):
    nodes = whole("assistant_markdown_images_to_output", [said(text)])

    words = [node.text for node in nodes if isinstance(node, urp.Text)]
    images = [_where(node) for node in nodes if isinstance(node, urp.Image)]
    assert (words or [None]) + images == list(expected)
    assert all(isinstance(node, urp.Text) == (place < len(words)) for place, node in enumerate(nodes))


@at_leisure
@given(
    st.lists(
        st.sampled_from(
            ["![", "!", "a", "](", "https://x.org/", "data:image/png;base64,", ")", ' "t"', " ", "]", "("]
        ),
        max_size=12,
    ).map("".join),
    st.data(),
)
def test_markdown_images_are_found_wherever_they_are_cut(text: str, data: st.DataObject):
    cuts = [0, *sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8))), len(text)]
    cut = [text[start:end] for start, end in itertools.pairwise(cuts)]

    in_pieces = output_of(told(pieces(*cut), retelling("assistant_markdown_images_to_output")))
    assert in_pieces == whole("assistant_markdown_images_to_output", [said(text)])


def test_a_long_image_in_small_pieces_takes_time_in_proportion_to_its_length():
    letters = ["A"] * 50_000
    events = pieces("![a](data:image/png;base64,", *letters, ")")

    (image,) = output_of(told(events, retelling("assistant_markdown_images_to_output")))
    assert isinstance(image, urp.Image)
    assert len(letters) == len(_where(image))


def test_images_are_shown_in_markdown_behind_them():
    nodes = whole("assistant_output_images_to_markdown", [PNG, LINKED])

    assert (PNG, said("![image](data:image/png;base64,aGk=)")) == nodes[:2]
    assert (LINKED, said("![image](https://example.com/a.png?b=c d)")) == nodes[2:]


def test_a_template_is_filled_and_nothing_else_in_it_is():
    template = "{media_type} {data} {url_encoded} {src_encoded} {other} {0}"
    _, first, _, second = whole("assistant_output_images_to_markdown", [PNG, LINKED], template=template)

    assert said("image/png aGk=  data%3Aimage%2Fpng%3Bbase64%2CaGk%3D {other} {0}") == first
    encoded = "https%3A%2F%2Fexample.com%2Fa.png%3Fb%3Dc%20d"
    assert said(f"  {encoded} {encoded} {{other}} {{0}}") == second


class Cloud:
    """Images by address. It is asked by several at once, and says how many that were."""

    def __init__(self, **images: Fetched) -> None:
        self.images = images
        self.asked: list[tuple[str, int]] = []
        self.at_once = self.most_at_once = 0

    async def fetch(self, url: str, *, bytes_most: int, timeout_s: float) -> Fetched:
        self.asked.append((url, bytes_most))
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        found = self.images.get(url.rpartition("/")[2])
        if found is None or len(found.body) > bytes_most:
            raise NotFetched("not there")
        return found


async def test_images_are_fetched_and_what_cannot_be_had_stays_an_address():
    cloud = Cloud(a=Fetched("image/png", b"hi"), page=Fetched("text/html", b"<p>"))
    result = urp.ToolResult(call_id="c", content=(linked("a"),))
    asked = request(linked("a"), linked("gone"), linked("page"), PNG, result)
    more = await resolved(asked, cloud)

    inline = urp.Image(role="user", source=urp.Inline(media_type="image/png", data="aGk="))
    fetched_result = urp.ToolResult(call_id="c", content=(inline,))
    assert (inline, linked("gone"), linked("page"), PNG, fetched_result) == more.input
    assert 3 == len(cloud.asked)


async def test_only_so_many_are_fetched_at_once_and_in_all():
    cloud = Cloud()
    await resolved(request(*(linked(str(number)) for number in range(100))), cloud)

    assert (IMAGES_MOST, AT_ONCE) == (len(cloud.asked), cloud.most_at_once)


async def test_only_for_the_roles_that_are_named():
    cloud = Cloud(a=Fetched("image/png", b"hi"))
    asked = request(linked("a"))

    assert asked == await resolved(asked, cloud, roles=["assistant"])
    assert [] == cloud.asked


async def test_what_is_in_the_request_already_is_not_fetched():
    cloud = Cloud()
    written = urp.Image(role="user", source=urp.Url(url="data:image/png;base64,aGk="))
    await resolved(request(written, user("hi")), cloud)

    assert [] == cloud.asked


def linked(name: str) -> urp.Image:
    return urp.Image(role="user", source=urp.Url(url=f"https://example.com/{name}"))


async def resolved(asked: urp.Request, cloud: Cloud, **config: object) -> urp.Request:
    told_to = configured("resolve_image_urls", **config)
    assert isinstance(told_to, ResolveImageUrls)
    return await fetched(asked, told_to, ABOUT, cloud.fetch)


def _where(image: urp.Node) -> str:
    assert isinstance(image, urp.Image)
    return image.source.url if isinstance(image.source, urp.Url) else getattr(image.source, "data", "")
