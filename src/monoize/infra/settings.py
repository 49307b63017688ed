"""The settings of this process: read once from a TOML file and the environment, then frozen.

The only module that looks at `os.environ`. A name that is not known, in either source, is an error with a
suggestion, because a misspelt setting that silently keeps its default is worse than a refused start.
docs/settings.md lists every field; a test compares.
"""

import dataclasses
import difflib
import ipaddress
import os
import re
import tomllib
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal

from monoize.base.errors import StartupProblem
from monoize.infra import dsn

PREFIX: Final = "MONOIZE_"
DEFAULT_FILE: Final = Path("monoize.toml")
DEFAULT_DSN: Final = "sqlite://./data/monoize.db"
SMTP_PORT: Final = 25
# Names under the prefix that are not settings of the server: where the file is, what the command line
# client, the installer and the test suite read.
_NOT_SETTINGS: Final = frozenset(
    {"MONOIZE_CONFIG", "MONOIZE_URL", "MONOIZE_TOKEN", "MONOIZE_PROFILES", "MONOIZE_SETUP_PYTHON"}
)
# Variables that others read too, under their own names; one with the prefix wins.
_PLAIN_NAMES: Final = {
    "DATABASE_URL": "database_dsn",
    **{
        name.upper(): name
        for name in (
            *("fly_api_token", "fly_app_name", "fly_region"),
            *("hetzner_api_token", "hetzner_location", "hetzner_network_id"),
            *("hetzner_firewall_id", "hetzner_ssh_key_names"),
        )
    },
}
_TEST_PREFIX: Final = "MONOIZE_TEST_"
# What some texts must look like, and how that is said.
_SHAPES: Final = {
    "public_url": (re.compile(r"https?://[^/?#\s]+[^?#\s]*"), "must be https://HOST or http://HOST"),
    "control_url": (re.compile(r"https?://[^/?#\s]+[^?#\s]*"), "must be https://HOST or http://HOST"),
    "otel_endpoint": (re.compile(r"https?://[^/?#\s]+[^?#\s]*"), "must be http://HOST:PORT or https://HOST/PATH"),
    "otel_headers": (re.compile(r"[^=,\s]+=[^,]+(,[^=,]+=[^,]+)*"), "must be NAME=VALUE, with commas between them"),
    "fly_api_url": (re.compile(r"https?://[^/?#\s]+[^?#\s]*"), "must be https://HOST/PATH"),
    "fly_metrics_url": (re.compile(r"https?://[^/?#\s]+[^?#\s]*"), "must be https://HOST/PATH"),
    "hetzner_api_url": (re.compile(r"https?://[^/?#\s]+[^?#\s]*"), "must be https://HOST/PATH"),
    "fleet_token_url": (re.compile(r"https?://[^/?#\s]+[^?#\s]*"), "must be https://HOST/PATH"),
    "fleet_account_url": (re.compile(r"https?://[^/?#\s]+[^?#\s]*"), "must be https://HOST/PATH"),
    "fleet_runner_url": (re.compile(r"https?://[^/?#\s]+[^?#\s]*"), "must be http://HOST:PORT/PATH"),
    "egress_listen": (re.compile(r"(\[[0-9a-fA-F:.]+\]|[^:/?#\s\[\]]+):\d{1,5}"), "must be HOST:PORT"),
    "egress_address": (re.compile(r"(\[[0-9a-fA-F:.]+\]|[^:/?#\s\[\]]+):\d{1,5}"), "must be HOST:PORT"),
    "acme_directory_url": (re.compile(r"https://[^/?#\s]+[^?#\s]*"), "must be https://HOST/PATH"),
    "cloudflare_api_url": (re.compile(r"https?://[^/?#\s]+[^?#\s]*"), "must be https://HOST/PATH"),
    "docker_url": (
        re.compile(r"unix:///\S+|(tcp|https?)://[^/?#\s]+"),
        "must be unix:///PATH, tcp://HOST:PORT or https://HOST:PORT",
    ),
    "redis_url": (
        re.compile(r"rediss?://(.*@)?(\[[^]]+\]|[^:/?]+)(:\d{1,5})?([/?].*)?|unix://.+"),
        "must be redis://HOST:PORT/NUMBER, rediss://… or unix://PATH",
    ),
    "smtp_url": (
        re.compile(r"smtps?://(.*@)?(\[[^]]+\]|[^:/?]+)(:\d{1,5})?/?"),
        "must be smtp://USER:PASSWORD@HOST:PORT or smtps://…",
    ),
}

REDACTED: Final = "(secret)"


def _setting(
    default: Any,
    doc: str,
    *,
    secret: bool = False,
    least: int | None = None,
    most: int | None = None,
) -> Any:
    meta = {"doc": doc, "secret": secret, "least": least, "most": most}
    return dataclasses.field(default=default, metadata=meta)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OAuthProvider:
    """One way to sign in with somebody else's account."""

    client_id: str = _setting("", "Client id that the provider issued.")
    client_secret: str = _setting("", "Client secret that the provider issued.", secret=True)
    issuer: str = _setting("", "OpenID Connect issuer URL; required unless the name is github or google.")
    title: str = _setting("", "Name on the sign-in button; the section's name when empty.")
    scopes: tuple[str, ...] = _setting((), "Scopes to ask for; a good choice is made when empty.")
    base_url: str = _setting("", "Web address of a GitHub Enterprise server; github only.")
    api_url: str = _setting("", "API address of a GitHub Enterprise server; github only.")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    host: str = _setting("127.0.0.1", "Address to listen on.")
    port: int = _setting(8080, "Port to listen on; 0 picks a free one.", least=0, most=65535)
    public_url: str = _setting(
        "", "Address under which people reach Monoize, such as https://ai.example.com; guessed when empty."
    )
    control_url: str = _setting(
        "", "Where a gateway in a process of its own reaches the control plane; used by `serve gateway` only."
    )
    data_dir: Path = _setting(Path("./data"), "Folder for files that Monoize makes itself.")
    database_dsn: str = _setting(
        DEFAULT_DSN,
        "Database: sqlite://PATH, postgresql://… or mysql://…; DATABASE_URL is read when this is not set.",
        secret=True,
    )
    database_pool_size: int = _setting(10, "Database connections of one process.", least=1, most=200)
    redis_url: str = _setting(
        "", "Redis or Valkey, redis://…, shared by several processes; empty: one process.", secret=True
    )
    master_key: str = _setting(
        "", "Base64 of 32 bytes that seal stored secrets; read from master_key_file when empty.", secret=True
    )
    master_key_file: Path | None = _setting(
        None, "File with the master key, made on first start; data_dir/master.key when empty."
    )
    admin_token: str = _setting(
        "", "Becomes the named token `admin` while there are no tokens at all.", secret=True
    )
    registration_enabled: bool = _setting(
        False, "Whether strangers may make themselves an account, once the first one exists."
    )
    session_ttl_days: int = _setting(7, "Days after which a sign-in ends.", least=1, most=365)
    authjs_sessions: bool = _setting(
        False, "Whether sessions are accepted that an Auth.js front end keeps in the same database."
    )
    trusted_proxies: tuple[str, ...] = _setting(
        ("127.0.0.0/8", "::1/128"), "Addresses or networks whose forwarding headers are believed."
    )
    max_body_bytes: int = _setting(
        1_048_576, "Largest request body of the control API, in bytes.", least=1024, most=104_857_600
    )
    captures_enabled: bool = _setting(
        False,
        "Whether keys may have their requests kept whole, prompts and answers included, under data_dir/captures.",
    )
    capture_retention_days: int = _setting(1, "Days after which what was kept is deleted.", least=1, most=365)
    telemetry_retention_days: int = _setting(
        90,
        "Days for which each call, event of agents and report of hosts is kept; what they add up to stays.",
        least=1,
        most=3650,
    )
    telemetry_hours_kept_days: int = _setting(
        0,
        "Days for which usage is kept hour by hour; 0: for good. By the day it is always kept.",
        least=0,
        most=3650,
    )
    metrics_on_loopback: bool = _setting(
        False, "Whether /metrics answers programs on this machine that show no token."
    )
    otel_endpoint: str = _setting(
        "", "Collector of OpenTelemetry that is told of every request, such as http://127.0.0.1:4318; empty: none."
    )
    otel_headers: str = _setting(
        "",
        "Headers that the collector is sent, such as authorization=Bearer …, with commas between them.",
        secret=True,
    )
    fleet_token_url: str = _setting(
        "https://auth.openai.com/oauth/token",
        "Where the hub refreshes the login of a fleet pool in the mode `hub`.",
    )
    fleet_account_url: str = _setting(
        "https://chatgpt.com/backend-api", "Where the fleet asks how much of a ChatGPT account's allowance is used."
    )
    fleet_runner_url: str = _setting(
        "", "Runner that tries fleet credentials out by one small call; empty: none is validated."
    )
    agent_blocked_methods: tuple[str, ...] = _setting(
        ("config.*", "exec.approvals.*", "exec.approval.resolve", "update.run"),
        "Methods, as globs, that nobody calls of an agent through its gateway at ours.",
    )
    pause_unhealthy_agents: bool = _setting(
        True, "Whether an agent whose health check failed three times in a row is paused."
    )
    egress_listen: str = _setting(
        "127.0.0.1:3128", "Where the egress proxy listens, HOST:PORT; machines beyond this one need to reach it."
    )
    egress_address: str = _setting(
        "", "HOST:PORT by which machines reach the egress proxy; egress_listen when empty."
    )
    egress_ports: tuple[str, ...] = _setting(
        (), "Ports that agents may reach through the egress proxy beside 80 and 443, such as 22; never 25."
    )
    egress_open_networks: tuple[str, ...] = _setting(
        (), "Private networks that agents may reach through the egress proxy, such as 10.1.2.0/24; none when empty."
    )
    docker_url: str = _setting(
        "unix:///var/run/docker.sock",
        "Docker-compatible engine for services and machines, if there is one: "
        "unix:///PATH, tcp://HOST:PORT or https://HOST:PORT.",
    )
    docker_host_open: bool = _setting(
        False,
        "Whether containers of agents are started though Monoize sets no firewall rule that keeps them from what "
        "else listens on this computer.",
    )
    fly_api_token: str = _setting("", "Token for machines at Fly.io; FLY_API_TOKEN is read as well.", secret=True)
    fly_app_name: str = _setting("", "App at Fly.io that holds the machines, and nothing else.")
    fly_region: str = _setting("iad", "Region of new machines at Fly.io.")
    fly_org: str = _setting("personal", "Organisation at Fly.io, whose metrics tell what machines use.")
    fly_api_url: str = _setting("https://api.machines.dev/v1", "Where Fly.io's Machines API answers.")
    fly_metrics_url: str = _setting("https://api.fly.io/prometheus", "Where Fly.io's metrics are asked for.")
    hetzner_api_token: str = _setting(
        "", "Token of a project at Hetzner Cloud for machines; HETZNER_API_TOKEN is read as well.", secret=True
    )
    hetzner_location: str = _setting("fsn1", "Location of new machines at Hetzner.")
    hetzner_network_id: int = _setting(
        0, "Private network of machines at Hetzner, in which agents are reached; 0: none.", least=0, most=2**53
    )
    hetzner_firewall_id: int = _setting(
        0,
        "Firewall of machines at Hetzner, to let out only what goes to the egress proxy; 0: none.",
        least=0,
        most=2**53,
    )
    hetzner_ssh_key_names: tuple[str, ...] = _setting((), "SSH keys that new machines at Hetzner are given.")
    hetzner_server_types: tuple[str, ...] = _setting(
        ("cx22", "cx32", "cx42", "cx52"), "Server types for up to 2, 4, 8 and more CPUs, in rising order."
    )
    hetzner_api_url: str = _setting("https://api.hetzner.cloud/v1", "Where Hetzner Cloud's API answers.")
    releases_kept: int = _setting(
        10,
        "Releases of each service whose images are kept, so that it can be rolled back to them.",
        least=1,
        most=100,
    )
    build_memory_mb: int = _setting(
        4096, "Memory that each step of a build may take; one that takes more is ended.", least=64, most=4_194_304
    )
    bind_mounts: tuple[str, ...] = _setting(
        (), "Folders of this machine of which administrators may mount parts into services; empty: none."
    )
    nginx: str = _setting(
        "",
        "nginx program that serves routes, such as nginx; empty: routes are kept and shown, and nobody is served.",
    )
    nginx_listen: tuple[str, ...] = _setting(("0.0.0.0",), "Addresses that nginx listens on; add :: for IPv6.")  # noqa: S104
    nginx_http_port: int = _setting(80, "Port of nginx for HTTP.", least=1, most=65535)
    nginx_https_port: int = _setting(443, "Port of nginx for HTTPS.", least=1, most=65535)
    nginx_probe_port: int = _setting(
        8079, "Port on 127.0.0.1 at which nginx tells what it serves.", least=1, most=65535
    )
    acme_directory_url: str = _setting(
        "https://acme-v02.api.letsencrypt.org/directory", "Authority that issues certificates."
    )
    acme_email: str = _setting("", "Address that the authority may write to; empty: none.")
    acme_ca_file: Path | None = _setting(
        None, "Certificates by which the authority's own server is known; the usual ones when empty."
    )
    cloudflare_api_token: str = _setting(
        "", "Token that may edit DNS at Cloudflare, for proofs and wildcard certificates.", secret=True
    )
    cloudflare_api_url: str = _setting("https://api.cloudflare.com/client/v4", "Where Cloudflare's API is.")
    dns_resolvers: tuple[str, ...] = _setting(
        (), "Name servers, ADDRESS or ADDRESS:PORT, that are asked about domains; the system's when empty."
    )
    public_edge: tuple[str, ...] = _setting(
        (), "Names and addresses that domains have to point to; empty: a domain's proof is enough."
    )
    smtp_url: str = _setting("", "Mail server, smtp://user:password@host:587 or smtps://…", secret=True)
    mail_from: str = _setting("", "Sender address of mail.")
    log_level: Literal["debug", "info", "warning", "error"] = _setting("info", "Least severity to log.")
    log_format: Literal["console", "json"] = _setting("console", "How log lines look.")
    shutdown_grace_s: int = _setting(
        10, "Seconds that open requests get to finish when stopping.", least=0, most=600
    )
    oauth: Mapping[str, OAuthProvider] = dataclasses.field(
        default_factory=lambda: types.MappingProxyType({}),
        metadata={"doc": "Sign-in providers, one section each: [oauth.github], [oauth.google], [oauth.NAME]."},
    )


@dataclasses.dataclass(frozen=True, slots=True)
class Effective:
    """The settings together with where each value came from, for `monoize config show`."""

    settings: Settings
    sources: Mapping[str, str]

    def rows(self) -> Iterator[tuple[str, str, str]]:
        """(name, value, source) with every secret redacted."""
        for field in dataclasses.fields(Settings):
            value = getattr(self.settings, field.name)
            if field.name == "oauth":
                for name, provider in value.items():
                    for part in dataclasses.fields(OAuthProvider):
                        full = f"oauth.{name}.{part.name}"
                        shown = _shown(part, getattr(provider, part.name))
                        yield full, shown, self.sources.get(full, "default")
            else:
                yield field.name, _shown(field, value), self.sources.get(field.name, "default")


@dataclasses.dataclass(frozen=True, slots=True)
class Shown:
    """A setting for people to look at, secrets redacted; `doc` says what it is for."""

    name: str
    value: str
    doc: str
    is_default: bool


def shown(settings: Settings) -> Iterator[Shown]:
    """As they are in force. Where each comes from is known at the start only: `Effective` tells it."""
    for field in dataclasses.fields(Settings):
        if field.name != "oauth":
            value = getattr(settings, field.name)
            yield Shown(field.name, _shown(field, value), field.metadata["doc"], value == field.default)


def _shown(field: "dataclasses.Field[Any]", value: Any) -> str:
    if field.name in ("database_dsn", "redis_url", "smtp_url"):
        return dsn.redacted(value)
    if field.metadata.get("secret"):
        return REDACTED if value else ""
    if isinstance(value, tuple):
        return ", ".join(value)
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def load(environ: Mapping[str, str] | None = None, file: Path | None = None) -> Effective:
    """Read the file, then the environment over it. An empty text counts as unset in both."""
    source = os.environ if environ is None else environ  # noqa: TID251
    env = {name: value for name, value in source.items() if value != ""}
    if file is None and "MONOIZE_CONFIG" in env:
        file = Path(env["MONOIZE_CONFIG"])
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    providers: dict[str, dict[str, Any]] = {}
    _read_file(file, values, providers, sources)
    _read_environment(env, values, providers, sources)
    oauth = {name: OAuthProvider(**_complete(name, parts)) for name, parts in sorted(providers.items())}
    settings = Settings(**values, oauth=types.MappingProxyType(oauth))
    dsn.parse(settings.database_dsn)
    for name in ("trusted_proxies", "egress_open_networks"):
        try:
            for network in getattr(settings, name):
                ipaddress.ip_network(network, strict=False)
        except ValueError as problem:
            raise StartupProblem(f"{name}: {problem}") from problem
    for port in settings.egress_ports:
        if not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65_535 and int(port) != SMTP_PORT):
            raise StartupProblem(f"egress_ports: {port!r} is no port from 1 to 65535 other than 25")
    try:
        for address in settings.nginx_listen:
            ipaddress.ip_address(address)
    except ValueError as problem:
        raise StartupProblem(f"nginx_listen: {problem}") from problem
    return Effective(settings, types.MappingProxyType(sources))


def inherited(settings: Settings, names: Iterable[str], **changes: str) -> dict[str, str]:
    """The environment of a process of ours that we start: our own, with settings as they are in force here."""
    values = {name: getattr(settings, name) for name in names} | changes
    texts = {name: ",".join(value) if isinstance(value, tuple) else str(value) for name, value in values.items()}
    ours = {PREFIX + name.upper(): texts[name] for name, value in values.items() if value not in (None, "")}
    return {**os.environ, **ours}  # noqa: TID251


def _read_file(
    file: Path | None,
    values: dict[str, Any],
    providers: dict[str, dict[str, Any]],
    sources: dict[str, str],
) -> None:
    was_named = file is not None
    if file is None:
        if not DEFAULT_FILE.exists():
            return
        file = DEFAULT_FILE
    source = f"file {file}"
    try:
        document = tomllib.loads(file.read_text("utf-8"))
    except OSError as problem:
        raise StartupProblem(f"cannot read the settings file {file}: {problem.strerror}") from problem
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise StartupProblem(f"the settings file {file} is not valid TOML: {problem}") from problem
    if "project" in document:
        # `monoize up` reads another file of the same name, in the folder of a project.
        if was_named:
            raise StartupProblem(f"{file} says what a project is made of, and holds no settings")
        return
    known = _fields(Settings)
    for name, raw in document.items():
        if name == "oauth":
            _read_file_providers(raw, source, providers, sources)
            continue
        if name not in known:
            raise StartupProblem(f"{source}: {_unknown('setting', name, _close_to(name, known))}")
        if raw == "":
            continue
        values[name] = _converted(known[name], raw, f"{source}: {name}")
        sources[name] = source


def _read_file_providers(
    raw: Any, source: str, providers: dict[str, dict[str, Any]], sources: dict[str, str]
) -> None:
    known = _fields(OAuthProvider)
    if not isinstance(raw, dict) or not all(isinstance(parts, dict) for parts in raw.values()):
        raise StartupProblem(f"{source}: write sign-in providers as sections, such as [oauth.github]")
    for provider, parts in raw.items():
        providers.setdefault(provider, {})
        for name, value in parts.items():
            full = f"oauth.{provider}.{name}"
            if name not in known:
                unknown = _unknown("setting", name, _close_to(name, known))
                raise StartupProblem(f"{source}: {unknown} in [oauth.{provider}]")
            providers[provider][name] = _converted(known[name], value, f"{source}: {full}")
            sources[full] = source


def _read_environment(
    env: Mapping[str, str],
    values: dict[str, Any],
    providers: dict[str, dict[str, Any]],
    sources: dict[str, str],
) -> None:
    known = _fields(Settings)
    parts = _fields(OAuthProvider)
    for variable, name in _PLAIN_NAMES.items():
        if variable in env:
            source = f"environment {variable}"
            values[name] = _converted(known[name], env[variable], source)
            sources[name] = source
    for variable in sorted(env):
        if not variable.startswith(PREFIX) or variable.startswith(_TEST_PREFIX) or variable in _NOT_SETTINGS:
            continue
        source = f"environment {variable}"
        name = variable.removeprefix(PREFIX).lower()
        if name.startswith("oauth_"):
            owned = name.removeprefix("oauth_")
            part = next((p for p in parts if owned.endswith("_" + p)), None)
            provider = owned.removesuffix(f"_{part}")
            if not part or not provider:
                raise StartupProblem(f"{source}: expected MONOIZE_OAUTH_<NAME>_<{'|'.join(parts).upper()}>")
            providers.setdefault(provider, {})[part] = _converted(parts[part], env[variable], source)
            sources[f"oauth.{provider}.{part}"] = source
            continue
        if name not in known or name == "oauth":
            close = _close_to(name, [field for field in known if field != "oauth"])
            raise StartupProblem(_unknown("environment variable", variable, close and PREFIX + close.upper()))
        values[name] = _converted(known[name], env[variable], source)
        sources[name] = source


def _complete(name: str, parts: dict[str, Any]) -> dict[str, Any]:
    for required in ("client_id", "client_secret"):
        if not parts.get(required):
            raise StartupProblem(f"the sign-in provider oauth.{name} needs {required}")
    if name not in ("github", "google") and not parts.get("issuer"):
        raise StartupProblem(f"the sign-in provider oauth.{name} needs issuer, its OpenID Connect address")
    return parts


def _fields(owner: type) -> "dict[str, dataclasses.Field[Any]]":
    return {field.name: field for field in dataclasses.fields(owner)}


def _close_to(name: str, known: Iterable[str]) -> str | None:
    return next(iter(difflib.get_close_matches(name, list(known), n=1)), None)


def _unknown(what: str, name: str, close: str | None) -> str:
    return f"unknown {what} {name}; " + (f"did you mean {close}?" if close else "see docs/settings.md")


_TRUE: Final = frozenset({"true", "1", "yes", "on"})
_FALSE: Final = frozenset({"false", "0", "no", "off"})


def _converted(field: "dataclasses.Field[Any]", raw: Any, where: str) -> Any:
    """One value as its field wants it, whether it came typed from TOML or as text from the environment."""
    kind: Any = field.type
    try:
        match kind:
            case _ if kind is bool:
                return _boolean(raw)
            case _ if kind is int:
                return _bounded(field, raw)
            case _ if kind is str:
                return _shaped(field, _string(raw))
            case _ if kind is Path or kind == Path | None:
                return _path(raw)
            case _ if kind == tuple[str, ...]:
                return _texts(raw)
            case _ if typing.get_origin(kind) is Literal:
                choices = typing.get_args(kind)
                if raw not in choices:
                    raise ValueError(f"must be one of {', '.join(choices)}")
                return raw
            case _:
                raise AssertionError(f"no conversion for {field.name}")
    except (ValueError, TypeError) as problem:
        shown = "" if field.metadata.get("secret") else f", not {str(raw)[:80]!r}"
        raise StartupProblem(f"{where} {problem}{shown}") from problem


def _string(raw: Any) -> str:
    if not isinstance(raw, str):
        raise TypeError("must be text")
    return raw


def _shaped(field: "dataclasses.Field[Any]", text: str) -> str:
    shape, said = _SHAPES.get(field.name, (None, ""))
    if shape and not shape.fullmatch(text):
        raise ValueError(said)
    return text


def _path(raw: Any) -> Path:
    try:
        return Path(_string(raw)).expanduser()
    except RuntimeError:
        raise ValueError("names a home folder that is not there") from None


def _texts(raw: Any) -> tuple[str, ...]:
    items = raw.split(",") if isinstance(raw, str) else raw
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise TypeError("must be a list of texts")
    return tuple(item.strip() for item in items if item.strip())


def _boolean(raw: Any) -> bool:
    if isinstance(raw, bool):
        return raw
    text = str(raw).lower()
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    raise ValueError("must be true or false")


def _bounded(field: "dataclasses.Field[Any]", raw: Any) -> int:
    if isinstance(raw, bool) or not isinstance(raw, int | str):
        raise TypeError("must be a whole number")
    try:
        number = int(raw)
    except ValueError:
        raise ValueError("must be a whole number") from None
    least, most = field.metadata["least"], field.metadata["most"]
    if not least <= number <= most:
        raise ValueError(f"must be between {least} and {most}")
    return number
