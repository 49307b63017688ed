"""A configuration of LiteLLM's proxy as a document of ours: what it says in our words, and what it cannot. Pure.

Deployments of one kind become a provider, those with the same address and key a channel of it, and the name of a
model group what callers ask for.
"""

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from monoize.cli.api import Json


class Kind(NamedTuple):
    """What LiteLLM calls a provider. Without `base_url` a deployment names one; `key` is the usual variable."""

    type: str
    base_url: str | None = None
    key: str | None = None
    prices: str | None = None


_CHAT: Final = "chat_completion"
KINDS: Final[Mapping[str, Kind]] = {
    "openai": Kind("responses", "https://api.openai.com/v1", "OPENAI_API_KEY", "openai"),
    "anthropic": Kind("messages", "https://api.anthropic.com", "ANTHROPIC_API_KEY", "anthropic"),
    "gemini": Kind("gemini", "https://generativelanguage.googleapis.com/v1beta", "GEMINI_API_KEY", "google"),
    "deepseek": Kind(_CHAT, "https://api.deepseek.com", "DEEPSEEK_API_KEY", "deepseek"),
    "xai": Kind("responses", "https://api.x.ai/v1", "XAI_API_KEY", "xai"),
    "openrouter": Kind(_CHAT, "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY", "openrouter"),
    "groq": Kind(_CHAT, "https://api.groq.com/openai/v1", "GROQ_API_KEY", "groq"),
    "mistral": Kind(_CHAT, "https://api.mistral.ai/v1", "MISTRAL_API_KEY", "mistral"),
    "together_ai": Kind(_CHAT, "https://api.together.xyz/v1", "TOGETHERAI_API_KEY", "together"),
    "fireworks_ai": Kind(_CHAT, "https://api.fireworks.ai/inference/v1", "FIREWORKS_AI_API_KEY", "fireworks"),
    "cerebras": Kind(_CHAT, "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY", "cerebras"),
    "moonshot": Kind(_CHAT, "https://api.moonshot.ai/v1", "MOONSHOT_API_KEY", "moonshot"),
    "ollama": Kind(_CHAT, "http://127.0.0.1:11434/v1", None, "ollama"),
    "hosted_vllm": Kind(_CHAT, None, "HOSTED_VLLM_API_KEY", "vllm"),
    "lm_studio": Kind(_CHAT, None, "LM_STUDIO_API_KEY", "lmstudio"),
    "litellm_proxy": Kind(_CHAT, None, "LITELLM_PROXY_API_KEY"),
}
_OTHER_NAMES: Final = {"ollama_chat": "ollama", "vllm": "hosted_vllm", "google_ai_studio": "gemini"}
_BARE_NAMES: Final = (
    (re.compile(r"gpt-|o[1-9]|chatgpt-|text-embedding-"), "openai"),
    (re.compile("claude"), "anthropic"),
)
_CARRIED_PARAMS: Final = frozenset({"model", "api_base", "base_url", "api_key", "weight", "custom_llm_provider"})
_CARRIED_ROUTER: Final = frozenset(
    {"num_retries", "timeout", "allowed_fails", "cooldown_time", "retry_after", "model_group_alias"}
)
_CARRIED_LITELLM: Final = frozenset({"num_retries", "request_timeout"})
_MODES: Final = frozenset({"None", "chat", "responses", "embedding", "completion"})
_ENVIRONMENT: Final = "os.environ/"
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


@dataclasses.dataclass(frozen=True, slots=True)
class Converted:
    """`keys` are those that stand in the file itself, by the variables that the document takes them from."""

    document: Json
    notes: Sequence[str]
    keys: Mapping[str, str] = dataclasses.field(repr=False)


@dataclasses.dataclass(slots=True)
class _Channel:
    base_url: str
    key: str | None
    type: str | None
    weight: Any
    models: dict[str, str] = dataclasses.field(default_factory=dict)


class NotLiteLLM(ValueError):
    """This is no configuration of LiteLLM's proxy; the message says why."""


def converted(config: Json, environment: Mapping[str, str]) -> Converted:
    deployments = config.get("model_list")
    if not isinstance(deployments, list) or not all(isinstance(each, dict) for each in deployments):
        raise NotLiteLLM("it has no model_list")
    work = _Conversion(environment)
    for number, deployment in enumerate(deployments, 1):
        work.take(number, deployment)
    router, own = _section(config, "router_settings"), _section(config, "litellm_settings")
    work.alias(router.get("model_group_alias"))
    providers = work.providers({**own, **router})
    return Converted({"providers": providers}, [*work.notes(), *_notes_of(config, router, own)], work.keys)


class _Conversion:
    def __init__(self, environment: Mapping[str, str]) -> None:
        self.keys: dict[str, str] = {}
        self._environment = environment
        self._channels: dict[str, list[_Channel]] = {}
        self._left_out: list[str] = []
        self._params: dict[str, int] = {}

    def take(self, number: int, deployment: Json) -> None:
        params, info = deployment.get("litellm_params"), deployment.get("model_info")
        name = deployment.get("model_name")
        if not isinstance(params, dict) or not isinstance(name, str) or not isinstance(params.get("model"), str):
            raise NotLiteLLM(
                f"entry {number} of its model_list has no model_name or no litellm_params with a model"
            )
        kind, model = _split(params)
        problem = self._problem(name, model, kind, params, info if isinstance(info, dict) else {})
        if problem:
            self._left_out.append(f"{name} ({params['model']}): {problem}")
            return
        self._place(kind, params, name, model)
        for param in params.keys() - _CARRIED_PARAMS:
            self._params[param] = self._params.get(param, 0) + 1

    def _problem(self, name: str, model: str, kind: str, params: Json, info: Json) -> str | None:
        if kind not in KINDS:
            return f"channels cannot speak to {kind or 'a provider that is not named'}"
        if "*" in name or "*" in model:
            return "models are named one by one; `monoize providers discover` lists them"
        if str(info.get("mode", "chat")) not in _MODES:
            return f"models of the mode {info['mode']} are set up by hand"
        if self._address(kind, params) is None:
            return "its api_base is not known here"
        return None

    def _address(self, kind: str, params: Json) -> str | None:
        given = params.get("api_base") or params.get("base_url") or KINDS[kind].base_url
        if isinstance(given, str) and given.startswith(_ENVIRONMENT):
            given = self._environment.get(given.removeprefix(_ENVIRONMENT))
        return given.rstrip("/") if isinstance(given, str) and _is_address(given) else None

    def _place(self, kind: str, params: Json, name: str, model: str) -> None:
        """Into the first channel of its address and key that does not offer the name yet."""
        address = self._address(kind, params)
        assert address is not None
        is_elsewhere = address != KINDS[kind].base_url
        # What merely looks like OpenAI's service seldom speaks its newer protocol.
        type = _CHAT if kind == "openai" and is_elsewhere else None
        new = _Channel(address, self._key(kind, params, is_elsewhere=is_elsewhere), type, params.get("weight"))
        channels = self._channels.setdefault(kind, [])
        for channel in channels:
            is_same = (channel.base_url, channel.key, channel.weight) == (new.base_url, new.key, new.weight)
            if is_same and channel.models.get(name, model) == model:
                channel.models[name] = model
                return
        new.models[name] = model
        channels.append(new)

    def _key(self, kind: str, params: Json, *, is_elsewhere: bool) -> str | None:
        """As a reference; LiteLLM takes what is not named from the provider's usual variable."""
        given = params.get("api_key")
        if given is None:
            return None if is_elsewhere or KINDS[kind].key is None else f"${{{KINDS[kind].key}}}"
        text = str(given)
        variable = text.removeprefix(_ENVIRONMENT)
        if text.startswith(_ENVIRONMENT) and _VARIABLE.fullmatch(variable):
            return f"${{{variable}}}"
        known = next((name for name, key in self.keys.items() if key == text), None)
        if known is None:
            known = f"{kind.upper()}_KEY_{len(self.keys) + 1}"
            self.keys[known] = text
        return f"${{{known}}}"

    def alias(self, aliases: Any) -> None:
        for alias, target in (aliases if isinstance(aliases, dict) else {}).items():
            name = target.get("model") if isinstance(target, dict) else target
            for channel in (each for some in self._channels.values() for each in some):
                if isinstance(name, str) and name in channel.models:
                    channel.models.setdefault(str(alias), channel.models[name])

    def providers(self, settings: Json) -> list[Json]:
        return [
            {
                "name": kind,
                "type": KINDS[kind].type,
                **({"price_provider": KINDS[kind].prices} if KINDS[kind].prices else {}),
                **_provider_settings(settings),
                "channels": [_described(each, name, settings) for each, name in _named(channels)],
            }
            for kind, channels in self._channels.items()
        ]

    def notes(self) -> Iterator[str]:
        for each in self._left_out:
            yield f"not carried over: {each}"
        for name, kinds in self._served_by().items():
            if len(kinds) > 1:
                yield f"{name} is asked of {kinds[0]} first, and of {', '.join(kinds[1:])} only when that fails"
        if self._params:
            yield f"litellm_params that are not carried over: {', '.join(sorted(self._params))}"
        for variable in self.keys:
            yield f"a key that stands in the file itself is taken from ${{{variable}}} in the document"

    def _served_by(self) -> Mapping[str, list[str]]:
        found: dict[str, list[str]] = {}
        for kind, channels in self._channels.items():
            for name in dict.fromkeys(name for channel in channels for name in channel.models):
                found.setdefault(name, []).append(kind)
        return found


def _split(params: Json) -> tuple[str, str]:
    """The kind of provider and the model's name there."""
    model: str = params["model"]
    prefix, _, rest = model.partition("/")
    prefix = _OTHER_NAMES.get(prefix, prefix)
    given = params.get("custom_llm_provider")
    if isinstance(given, str):
        kind = _OTHER_NAMES.get(given, given)
        return kind, rest if rest and prefix == kind else model
    if not rest:
        return next((kind for pattern, kind in _BARE_NAMES if pattern.match(model)), ""), model
    return prefix, rest.removeprefix("responses/") if prefix == "openai" else rest


def _named(channels: Sequence[_Channel]) -> Iterator[tuple[_Channel, str]]:
    hosts = [urlsplit(channel.base_url).netloc for channel in channels]
    for place, (channel, host) in enumerate(zip(channels, hosts, strict=True), 1):
        name = host if hosts.count(host) == 1 else f"{host} {place}"
        yield channel, "default" if len(channels) == 1 else name[-64:]


def _described(channel: _Channel, name: str, settings: Json) -> Json:
    found: Json = {"name": name, "base_url": channel.base_url}
    if channel.type:
        found["type"] = channel.type
    if channel.key:
        found["api_key"] = channel.key
    if _is_count(channel.weight):
        found["weight"] = channel.weight
    breaker = {}
    if _is_count(settings.get("allowed_fails")):
        # LiteLLM allows so many, and rests with the next.
        breaker["failures"] = settings["allowed_fails"] + 1
    if (cooldown_s := _seconds(settings.get("cooldown_time"))) is not None:
        breaker["cooldown_s"] = max(1, round(cooldown_s))
    if breaker:
        found["breaker"] = breaker
    found["models"] = [
        name if name == model else {"name": name, "redirect": model} for name, model in channel.models.items()
    ]
    return found


def _provider_settings(settings: Json) -> Json:
    found: Json = {}
    if _is_count(settings.get("num_retries")):
        found["max_retries"] = settings["num_retries"]
    if (total_s := _seconds(settings.get("timeout", settings.get("request_timeout")))) is not None:
        found["timeouts"] = {"total_ms": max(1, round(total_s * 1000))}
    if (pause_s := _seconds(settings.get("retry_after"))) is not None:
        found["channel_retry_interval_ms"] = round(pause_s * 1000)
    return found


def _notes_of(config: Json, router: Json, own: Json) -> Iterator[str]:
    for name, section, carried in (
        ("router_settings", router, _CARRIED_ROUTER),
        ("litellm_settings", own, _CARRIED_LITELLM),
    ):
        if left := sorted(section.keys() - carried):
            yield f"{name} that are not carried over: {', '.join(left)}"
    for name in sorted(config.keys() - {"model_list", "router_settings", "litellm_settings"}):
        yield f"{name} is not carried over: it is about LiteLLM's own server"
    for deployment in config["model_list"]:
        params, info = deployment.get("litellm_params"), deployment.get("model_info")
        both = {**(params if isinstance(params, dict) else {}), **(info if isinstance(info, dict) else {})}
        if any(name.endswith(("cost_per_token", "cost_per_second")) for name in both):
            yield "costs are not carried over: set them with `monoize prices set`, or in a prices section"
            return


def _section(config: Json, name: str) -> Json:
    section = config.get(name)
    return section if isinstance(section, dict) else {}


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _seconds(value: Any) -> float | None:
    """Fractions come as the text that they are written as."""
    try:
        found = float(value) if isinstance(value, int | str) and not isinstance(value, bool) else -1.0
    except ValueError:
        return None
    return found if 0 <= found <= 86_400 else None
