"""What Anthropic refuses anyway, refused here before it costs a call: `refuse_impossible`.

Nothing is mended: whoever asked for two things that exclude each other is told, in the words of his own protocol.
"""

from collections.abc import Mapping
from typing import Any, Final, NoReturn

from monoize.gateway.protocol.errors import BadRequest
from monoize.gateway.protocol.messages.models import Claude
from monoize.gateway.protocol.messages.thinking import BUDGET_LEAST
from monoize.gateway.protocol.urp import Json, Protocol

TOP_P_LEAST: Final = 0.95
DISPLAYS: Final = frozenset({"summarized", "omitted"})

_NAMES: Final[Mapping[Protocol, Mapping[str, str]]] = {
    "messages": {},
    "chat": {
        "max_tokens": "max_completion_tokens",
        "thinking": "reasoning_effort",
        "output_config.effort": "reasoning_effort",
    },
    "responses": {
        "max_tokens": "max_output_tokens",
        "messages": "input",
        "thinking": "reasoning",
        "output_config.effort": "reasoning.effort",
    },
    "gemini": {
        "max_tokens": "generationConfig.maxOutputTokens",
        "messages": "contents",
        "temperature": "generationConfig.temperature",
        "top_p": "generationConfig.topP",
        "top_k": "generationConfig.topK",
        "tool_choice": "toolConfig.functionCallingConfig",
        "thinking": "generationConfig.thinkingConfig",
        "output_config.effort": "generationConfig.thinkingConfig",
    },
}
_FORCED: Final = ("any", "tool")


def refuse_impossible(body: Json, claude: Claude, origin: Protocol) -> None:
    check = _Check(body, claude, origin)
    check.thinking_itself()
    check.sampling()
    check.around_thinking()
    check.effort()


def refusal(message: str, name: str, origin: Protocol) -> BadRequest:
    return BadRequest(message, param=_NAMES[origin].get(name, name), code="invalid_request")


class _Check:
    def __init__(self, body: Json, claude: Claude, origin: Protocol) -> None:
        self._body = body
        self._claude = claude
        self._origin = origin
        config = body.get("thinking")
        self._config: Json = config if isinstance(config, dict) else {}
        self._mode = self._config.get("type")
        self._thinks = self._mode in ("enabled", "adaptive")

    def thinking_itself(self) -> None:
        if self._mode == "enabled":
            self._budget()
        if self._mode == "adaptive":
            self._adaptive()
        if self._mode == "disabled":
            self._disabled()
        display = self._config.get("display")
        if display is not None and display not in DISPLAYS:
            self._refuse("Thinking is displayed summarized or omitted.", "thinking")

    def _budget(self) -> None:
        if self._claude.is_new:
            self._refuse("This model takes no thinking budget: it is told an effort.", "thinking")
        budget, most = self._config.get("budget_tokens"), self._body["max_tokens"]
        if type(budget) is not int or budget < BUDGET_LEAST:
            self._refuse(f"A thinking budget has at least {BUDGET_LEAST} tokens.", "thinking")
        if budget >= most:
            self._refuse(
                f"The thinking budget of {budget} tokens must be less than the {most} of it all.", "thinking"
            )

    def _adaptive(self) -> None:
        if not self._claude.thinks_adaptively:
            self._refuse("This model does not decide itself how much to think: it takes a budget.", "thinking")
        if self._config.get("budget_tokens") is not None:
            self._refuse("Adaptive thinking takes no budget.", "thinking")

    def _disabled(self) -> None:
        if self._config.get("budget_tokens") is not None or self._config.get("display") is not None:
            self._refuse("Thinking that is disabled takes neither a budget nor a display.", "thinking")
        if self._claude.always_thinks:
            self._refuse("This model always thinks.", "thinking")

    def sampling(self) -> None:
        if not self._claude.is_new:
            return
        for name, default in (("temperature", 1), ("top_p", 1), ("top_k", None)):
            if self._body.get(name) not in (None, default):
                self._refuse(f"This model takes no {name} but its own.", name)

    def around_thinking(self) -> None:
        choice: Any = self._body.get("tool_choice")
        is_forced = isinstance(choice, dict) and choice.get("type") in _FORCED
        if is_forced and not self._claude.takes_forced_calls:
            self._refuse("This model cannot be made to call a tool.", "tool_choice")
        if not self._thinks:
            return
        if is_forced:
            self._refuse("A model that thinks cannot be made to call a tool.", "tool_choice")
        if self._body.get("temperature") not in (None, 1):
            self._refuse("A model that thinks has a temperature of 1.", "temperature")
        if self._body.get("top_k") is not None:
            self._refuse("A model that thinks takes no top_k.", "top_k")
        top_p = self._body.get("top_p")
        if top_p is not None and not TOP_P_LEAST <= top_p <= 1:
            self._refuse(f"A model that thinks has a top_p between {TOP_P_LEAST} and 1.", "top_p")
        if self._ends_prefilled():
            self._refuse("A model that thinks cannot go on from an answer that has begun.", "messages")

    def effort(self) -> None:
        output = self._body.get("output_config")
        if isinstance(output, dict) and output.get("effort") == "xhigh" and not self._claude.takes_xhigh:
            self._refuse("This model knows no effort of xhigh.", "output_config.effort")

    def _ends_prefilled(self) -> bool:
        """A turn that ends with what the provider's own tools did is not prefilled: it goes on where it paused."""
        last = self._body["messages"][-1]
        return last["role"] == "assistant" and last["content"][-1].get("type") in ("text", "thinking")

    def _refuse(self, message: str, name: str) -> NoReturn:
        raise refusal(message, name, self._origin)
