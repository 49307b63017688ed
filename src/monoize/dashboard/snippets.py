"""What people copy to make their first request: the same one, said to each of the clients they may have. Pure."""

import dataclasses
import json
import shlex
from collections.abc import Sequence
from typing import Final

KEY_UNKNOWN: Final = "YOUR_API_KEY"
"""Where a key goes that is not shown any more."""
_QUESTION: Final = "Say hello to Monoize."


@dataclasses.dataclass(frozen=True, slots=True)
class Snippet:
    id: str
    title: str
    language: str
    text: str


def snippets(address: str, model: str, key: str = KEY_UNKNOWN) -> Sequence[Snippet]:
    """`address` is ours, without a path."""
    return (
        Snippet("curl", "curl", "Shell", _curl(address, model, key)),
        Snippet("openai", "OpenAI SDK", "Python", _openai(address, model, key)),
        Snippet("anthropic", "Anthropic SDK", "Python", _anthropic(address, model, key)),
        Snippet("codex", "Codex", "Shell", _codex(address, model, key)),
        Snippet("claude", "Claude Code", "Shell", _claude(address, model, key)),
    )


def _curl(address: str, model: str, key: str) -> str:
    body = json.dumps({"model": model, "stream": True, "messages": [{"role": "user", "content": _QUESTION}]})
    return _lines(
        f"curl -N {shlex.quote(f'{address}/v1/chat/completions')}",
        f"-H {shlex.quote(f'Authorization: Bearer {key}')}",
        "-H 'Content-Type: application/json'",
        f"-d {shlex.quote(body)}",
    )


def _openai(address: str, model: str, key: str) -> str:
    return f"""from openai import OpenAI

client = OpenAI(base_url={_quoted(f"{address}/v1")}, api_key={_quoted(key)})
answer = client.responses.create(model={_quoted(model)}, input={_quoted(_QUESTION)})
print(answer.output_text)"""


def _anthropic(address: str, model: str, key: str) -> str:
    return f"""from anthropic import Anthropic

client = Anthropic(base_url={_quoted(address)}, api_key={_quoted(key)})
answer = client.messages.create(
    model={_quoted(model)},
    max_tokens=1024,
    messages=[{{"role": "user", "content": {_quoted(_QUESTION)}}}],
)
print(answer.content[0].text)"""


def _codex(address: str, model: str, key: str) -> str:
    provider = {
        "name": "Monoize",
        "base_url": f"{address}/v1",
        "env_key": "MONOIZE_API_KEY",
        "wire_api": "responses",
    }
    settings = ["model_provider=monoize"]
    settings += [f"model_providers.monoize.{name}={_quoted(value)}" for name, value in provider.items()]
    return f"export MONOIZE_API_KEY={shlex.quote(key)}\n" + _lines(
        "codex", *(f"-c {shlex.quote(setting)}" for setting in settings), f"-m {shlex.quote(model)}"
    )


def _claude(address: str, model: str, key: str) -> str:
    return (
        f"export ANTHROPIC_BASE_URL={shlex.quote(address)}\n"
        f"export ANTHROPIC_AUTH_TOKEN={shlex.quote(key)}\n"
        f"claude --model {shlex.quote(model)}"
    )


def _quoted(text: str) -> str:
    """As Python and TOML write it: both take JSON's strings, but not its pairs of surrogates."""
    return json.dumps(text, ensure_ascii=False)


def _lines(*words: str) -> str:
    return " \\\n  ".join(words)
