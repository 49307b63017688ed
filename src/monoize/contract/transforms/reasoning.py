"""Transforms of what models thought, and of how much they are to think."""

from typing import Annotated

import msgspec

from monoize.contract.transforms.rule import REQUEST, RESPONSE, Config, shape

Tag = Annotated[str, shape(r"[A-Za-z][A-Za-z0-9_-]{0,31}")]
Budget = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
Glob = Annotated[str, msgspec.Meta(min_length=1, max_length=191)]
Suffix = Annotated[str, shape(r"[A-Za-z0-9._:@/{}-]{1,64}")]


class ReasoningToThinkXml(Config, frozen=True, kw_only=True):
    """What was thought is told as text between `<think>` and `</think>`, before the answer."""

    phases = RESPONSE
    tag: Tag = "think"


class ThinkXmlToReasoning(Config, frozen=True, kw_only=True):
    """What an answer begins with between `<think>` and `</think>` is told as what was thought."""

    phases = RESPONSE
    tag: Tag = "think"


class StripReasoning(Config, frozen=True, kw_only=True):
    """What was thought is not told."""

    phases = RESPONSE


class StripEncryptedReasoning(Config, frozen=True, kw_only=True):
    """Of what was thought only that is told which can be read."""

    phases = RESPONSE


class PlaintextReasoningToSummary(Config, frozen=True, kw_only=True):
    """What was thought in full is told as its summary."""

    phases = RESPONSE


class ReasoningSummaryToRawCot(Config, frozen=True, kw_only=True):
    """The summary of what was thought is told as if it were all of it."""

    phases = RESPONSE


class ReasoningContentDelta(Config, frozen=True, kw_only=True):
    """What was thought is told to callers of chat in `reasoning_content` as well."""

    phases = RESPONSE


class StripInputReasoning(Config, frozen=True, kw_only=True):
    """What models thought earlier in the conversation is not sent."""

    phases = REQUEST


class ReasoningEffortToBudget(Config, frozen=True, kw_only=True):
    """Whoever asked for an effort gets so many tokens to think with. Without `xhigh` that is `high`; without `max`,
    `xhigh`. Other efforts stay what they are.
    """

    phases = REQUEST
    reach = "no_key"
    low: Budget
    medium: Budget
    high: Budget
    xhigh: Budget | None = None
    max: Budget | None = None


class SuffixRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`{effort}` in the suffix is the effort that was asked for."""

    pattern: Glob
    suffix: Suffix


class ReasoningEffortToModelSuffix(Config, frozen=True, kw_only=True):
    """Whoever asked for an effort gets the model with a suffix: that of the first pattern that matches its name.
    The price stays that of the model without it.
    """

    phases = REQUEST
    reach = "no_key"
    rules: Annotated[tuple[SuffixRule, ...], msgspec.Meta(min_length=1, max_length=64)]
