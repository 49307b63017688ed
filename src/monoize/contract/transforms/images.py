"""Transforms of images."""

from typing import Annotated, Literal

import msgspec

from monoize.contract.transforms.rule import REQUEST, RESPONSE, Config


class ResolveImageUrls(Config, frozen=True, kw_only=True):
    """Images of which only the address was given are fetched and sent along. One that cannot be had stays an
    address, and nothing is fetched from private networks. Without `roles` it is done for everybody.
    """

    phases = REQUEST
    reach = "admin_keys"
    timeout_s: Annotated[int, msgspec.Meta(ge=1, le=120)] = 30
    bytes_most: Annotated[int, msgspec.Meta(ge=1, le=20 * 2**20)] = 20 * 2**20
    roles: tuple[Literal["system", "developer", "user", "assistant"], ...] = ()


class AssistantMarkdownImagesToOutput(Config, frozen=True, kw_only=True):
    """Images that an answer shows in Markdown become images of their own, behind its text."""

    phases = RESPONSE


class AssistantOutputImagesToMarkdown(Config, frozen=True, kw_only=True):
    """Images of an answer are shown in Markdown as well. `{src}` is the address or a `data:` URL, `{url}` only an
    address, `{media_type}` and `{data}` what is in the answer; `{src_encoded}` and so on are fit for a query.
    """

    phases = RESPONSE
    template: Annotated[str, msgspec.Meta(min_length=1, max_length=4_096)] = "![image]({src})"
