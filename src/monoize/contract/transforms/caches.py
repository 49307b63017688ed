"""Transforms that make use of the caches which providers have for prompts."""

from typing import Annotated, Literal

from monoize.contract.transforms.rule import REQUEST, Config, shape


class AutoCacheUserId(Config, frozen=True, kw_only=True):
    """A request that marks something for Anthropic's cache names its user, unless it does so itself."""

    phases = REQUEST
    reach = "admin_keys"


class AutoCacheSystem(Config, frozen=True, kw_only=True):
    """The last instruction is marked for Anthropic's cache, if fewer than four marks are there."""

    phases = REQUEST


class AutoCacheToolUse(Config, frozen=True, kw_only=True):
    """Where a request ends with results of tools, the message before their calls is marked for Anthropic's cache,
    if fewer than four marks are there.
    """

    phases = REQUEST


class AutoCacheOpenaiToolUse(Config, frozen=True, kw_only=True):
    """The newest result of every run of tools is marked for OpenAI's cache, as far as it takes marks: for GPT 5.6
    and later at a Responses channel.
    """

    phases = REQUEST
    reach = "admin_keys"


class AutoCacheOpenaiPrompt(Config, frozen=True, kw_only=True):
    """A `prompt_cache_key`, unless there is one: of what prompts have in common at their beginning (`prefix`), or
    of the user and the key (`identity`).
    """

    phases = REQUEST
    reach = "admin_keys"
    retention: Literal["in_memory", "24h"] | None = "24h"
    key_prefix: Annotated[str, shape(r"[A-Za-z0-9-]{1,24}")] = "mzpc"
    key_mode: Literal["prefix", "identity"] = "prefix"
    include_user: bool = False
    include_full_input: bool = False
