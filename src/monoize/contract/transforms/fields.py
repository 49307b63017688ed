"""What the gateway itself understands of bodies and answers, and what therefore no rule may set or remove."""

from collections.abc import Mapping
from typing import Final

from monoize.contract.transforms.rule import Phase

_SAID: Final = """
    model messages input instructions contents system systemInstruction system_instruction stream stream_options
    tools tool_choice toolConfig tool_config functions function_call parallel_tool_calls temperature top_p top_k
    stop stop_sequences response_format text verbosity user reasoning reasoning_effort
    generationConfig generation_config
"""
_COUNTED: Final = "max_tokens max_completion_tokens max_output_tokens n speed inference_geo web_search_options"
"""What money is held by."""
_ANSWERED: Final = """
    id object type created created_at model modelVersion responseId status error choices candidates output content
    role usage usageMetadata finish_reason stop_reason stop_sequence message delta index item part response item_id
    output_index content_index summary_index content_block sequence_number arguments
"""
_TYPED: Final[Mapping[Phase, frozenset[str]]] = {
    "request": frozenset((_SAID + _COUNTED).split()),
    "response": frozenset(_ANSWERED.split()),
}
_OPEN: Final = "reasoning"
"""What has members that nobody here understands; these are not among them."""
_WITHIN: Final = frozenset({"effort", "summary", "max_tokens"})


def check_path(name: str, path: str, phase: Phase) -> None:
    first, *rest = path.split(".")
    if first not in _TYPED[phase] or (rest and first == _OPEN and rest[0] not in _WITHIN):
        return
    raise ValueError(f"{name}: {path} is understood by the gateway and cannot be changed like this")
