"""The tokens that images used, as this protocol counts them; those sold by the piece have none."""

from typing import Any

from monoize.gateway.protocol.fields import told_integer, told_object
from monoize.gateway.protocol.urp import Json, Usage


def read_usage(wire: Any) -> Usage | None:
    report = told_object(wire) or {}
    spent, made = told_integer(report.get("input_tokens")), told_integer(report.get("output_tokens"))
    if spent is None or made is None or spent < 0 or made < 0:
        return None
    return Usage(input_tokens=spent, output_tokens=made)


def write_usage(usage: Usage) -> Json:
    return {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "input_tokens_details": {"text_tokens": usage.input_tokens, "image_tokens": 0},
    }
