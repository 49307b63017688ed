"""Transforms of what is said to a model, and of the tools that it may use."""

from typing import Annotated, Any, Literal

import msgspec

from monoize.contract.transforms.rule import REQUEST, Config

Words = Annotated[str, msgspec.Meta(min_length=1, max_length=32_768)]
JsonObject = dict[str, Any]


class SystemToDeveloperRole(Config, frozen=True, kw_only=True):
    """What the system said is said by the developer."""

    phases = REQUEST


class DeveloperToSystemRole(Config, frozen=True, kw_only=True):
    """What the developer said is said by the system."""

    phases = REQUEST


class MergeConsecutiveRoles(Config, frozen=True, kw_only=True):
    """Messages of one role that follow each other become one. Thoughts, calls and results keep them apart."""

    phases = REQUEST


class InjectSystemPrompt(Config, frozen=True, kw_only=True):
    """One more instruction: after the first of those that are there (`prepend`) or after the last (`append`). If
    there are none, before everything else or behind it.
    """

    phases = REQUEST
    content: Words
    position: Literal["prepend", "append"] = "prepend"


class AppendEmptyUserMessage(Config, frozen=True, kw_only=True):
    """A conversation that ends with the model goes on with a message of the user. Anthropic refuses blank ones:
    there it has to say something.
    """

    phases = REQUEST
    content: Words = " "


class StripOrphanedToolUse(Config, frozen=True, kw_only=True):
    """Calls of tools that have no result are not sent."""

    phases = REQUEST


class StripAnthropicBillingHeader(Config, frozen=True, kw_only=True):
    """The line of instructions with which Claude Code tells Anthropic whom to bill is not sent."""

    phases = REQUEST


class EnableOpenaiImageGenerationTool(Config, frozen=True, kw_only=True):
    """A model at a Responses channel may draw. `extra` are further members of the tool."""

    phases = REQUEST
    reach = "admin_keys"
    output_format: Literal["png", "jpeg", "webp"] = "png"
    action: Literal["auto", "generate", "edit"] | None = None
    force_stream: bool = False
    force_tool_choice: bool = False
    extra: JsonObject = {}
