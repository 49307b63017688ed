"""The one generator of nginx's configuration: from facts to text, the same text for the same facts. Pure.

Everything that reaches the text is checked here once more, whoever checked it before: a route whose row could not
be written today is left out as `invalid`, and takes no other route with it. Relative paths keep the text free of
where it lies: `certs` and `tmp` are looked for below nginx's prefix.

Certificate authorities are answered without a file: what they ask for is their own token behind the thumbprint of
our account's key, which nobody can use who has not that key.
"""

import dataclasses
import hashlib
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal

from monoize.control.projects.model import addresses
from monoize.control.projects.model.routes import RouteOptions, RouteState, checked_options

SCHEMA: Final = 2
"""Counted up with every change of what the same facts are written as."""
MAIN: Final = "main.conf"
SITES: Final = "sites.conf"
GENERATION_PATH: Final = "/generation"
UPSTREAM_PATH: Final = "/upstream"

Gate = Literal["open", "challenge_only", "shut"]
"""Whether its domain is proven to be ours: only then does a route lead to its target."""

_HASH: Final = "@generation@"
_UPSTREAM: Final = re.compile(r"[a-z0-9_]{1,96}")
_MEMBER: Final = re.compile(r"([0-9.]{7,15}|\[[0-9a-f:]{2,39}\]):[1-9][0-9]{0,4}")
_THUMBPRINT: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_FINGERPRINT: Final = re.compile(r"[0-9a-f]{64}")
_HTTP2_DIRECTIVE_SINCE: Final = (1, 25, 1)
# Mozilla's intermediate list, without the ones that need Diffie-Hellman parameters.
_CIPHERS: Final = ":".join(
    (
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        "ECDHE-RSA-CHACHA20-POLY1305",
    )
)
_LARGE_BODY_MB: Final = 256


@dataclasses.dataclass(frozen=True, slots=True)
class Flavour:
    """What a build of nginx can do, as its own words say; no `temp_paths` where it keeps to its own."""

    version: tuple[int, int, int]
    temp_paths: tuple[str, ...] = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


@dataclasses.dataclass(frozen=True, slots=True)
class Listening:
    """Where nginx listens: for everybody, and on 127.0.0.1 for us."""

    addresses: tuple[str, ...]
    http_port: int
    https_port: int
    probe_port: int


@dataclasses.dataclass(frozen=True, slots=True)
class RoutedTo:
    """What the generator knows of one route."""

    id: int
    domain: str
    path: str
    tls: bool
    upstream: str
    options: RouteOptions
    gate: Gate = "open"


@dataclasses.dataclass(frozen=True, slots=True)
class Facts:
    """`certificates` are fingerprints of those that are good for a domain; `thumbprint` is our account's."""

    routes: Sequence[RoutedTo]
    members: Mapping[str, Sequence[str]]
    certificates: Mapping[str, str]
    thumbprint: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Rendered:
    """`generation` names this text; `states` say for every route what becomes of it; `upstreams` answer."""

    generation: str
    files: Mapping[str, str]
    states: Mapping[int, RouteState]
    fingerprints: frozenset[str]
    upstreams: frozenset[str]


def render(facts: Facts, listening: Listening, flavour: Flavour) -> Rendered:
    sound = [route for route in facts.routes if _is_sound(route)]
    members = {name: _sound_members(facts.members.get(name, ())) for name in {route.upstream for route in sound}}
    certificates = {
        route.domain: facts.certificates[route.domain]
        for route in sound
        if route.tls and _FINGERPRINT.fullmatch(facts.certificates.get(route.domain, ""))
    }
    states = {route.id: _state(route, members, certificates) for route in sound}
    states |= {route.id: "invalid" for route in facts.routes if route.id not in states}
    thumbprint = facts.thumbprint if _THUMBPRINT.fullmatch(facts.thumbprint or "") else None
    writer = _Writer(listening, flavour, members, certificates, thumbprint)
    files = {MAIN: _text(writer.main()), SITES: _text(writer.sites(sound))}
    told = hashlib.sha256("\0".join(itertools.chain([str(SCHEMA)], *sorted(files.items()))).encode()).hexdigest()
    return Rendered(
        generation=told,
        files={name: text.replace(_HASH, told) for name, text in files.items()},
        states=states,
        fingerprints=frozenset(certificates.values()),
        upstreams=frozenset(name for name, answering in members.items() if answering),
    )


def _is_sound(route: RoutedTo) -> bool:
    try:
        checked_options({name: getattr(route.options, name) for name in RouteOptions.__slots__})
        return (
            addresses.domain_name(route.domain) == route.domain
            and addresses.route_path(route.path) == route.path
            and _UPSTREAM.fullmatch(route.upstream) is not None
        )
    except ValueError:
        return False


def _sound_members(members: Iterable[str]) -> Sequence[str]:
    return sorted({member for member in members if _MEMBER.fullmatch(member)})


def _state(route: RoutedTo, members: Mapping[str, Sequence[str]], certificates: Mapping[str, str]) -> RouteState:
    if route.gate != "open":
        return "waiting_for_domain" if route.gate == "challenge_only" else "omitted"
    if route.tls and route.domain not in certificates:
        return "waiting_for_certificate"
    return "served" if members[route.upstream] else "no_member"


def _text(lines: Iterable[str]) -> str:
    return "\n".join(lines) + "\n"


def _block(head: str, lines: Iterable[str]) -> Iterator[str]:
    yield f"{head} {{"
    yield from (f"    {line}" for line in lines)
    yield "}"


@dataclasses.dataclass(frozen=True, slots=True)
class _Writer:
    listening: Listening
    flavour: Flavour
    members: Mapping[str, Sequence[str]]
    certificates: Mapping[str, str]
    thumbprint: str | None

    def main(self) -> Iterator[str]:
        yield "# Written by Monoize, which writes it anew: changes made here are lost."
        yield "worker_processes auto;"
        yield "worker_rlimit_nofile 65536;"
        # Connections that stay open, such as WebSockets, outlive a reload by this much.
        yield "worker_shutdown_timeout 1h;"
        yield "pid nginx.pid;"
        yield "error_log logs/error.log warn;"
        yield from _block("events", ["worker_connections 8192;"])
        yield from _block("http", self._http())

    def _http(self) -> Iterator[str]:
        yield "access_log off;"
        yield "server_tokens off;"
        yield "default_type application/octet-stream;"
        # Room for the longest domain name; the usual 64 refuse the whole configuration for one of them.
        yield "server_names_hash_bucket_size 512;"
        yield "server_names_hash_max_size 8192;"
        yield "proxy_headers_hash_bucket_size 128;"
        yield "proxy_headers_hash_max_size 1024;"
        yield from (f"{part}_temp_path tmp/{part};" for part in self.flavour.temp_paths)
        yield "ssl_protocols TLSv1.2 TLSv1.3;"
        yield f"ssl_ciphers {_CIPHERS};"
        yield "ssl_prefer_server_ciphers off;"
        yield "ssl_session_cache shared:monoize:10m;"
        yield "ssl_session_timeout 1d;"
        yield "ssl_session_tickets off;"
        # Nothing but WebSockets may switch protocols: whatever else asks would leave our sight.
        yield from _block("map $http_upgrade $monoize_upgrade", ['default "";', "~*^websocket$ websocket;"])
        yield from _block("map $monoize_upgrade $monoize_connection", ['default "";', "websocket upgrade;"])
        yield f"include {SITES};"

    def sites(self, routes: Sequence[RoutedTo]) -> Iterator[str]:
        yield f"# Generation {_HASH}, schema {SCHEMA}"
        for name, members in sorted(self.members.items()):
            if members:
                yield from _block(f"upstream {name}", self._upstream(members))
        yield from _block("server", self._probe())
        yield from _block("server", self._default_http())
        yield from _block("server", self._default_https())
        shown = sorted(
            (route for route in routes if route.gate != "shut"),
            key=lambda route: (route.domain, -len(route.path), route.path),
        )
        for domain, found in itertools.groupby(shown, key=lambda route: route.domain):
            yield from self._site(domain, list(found))

    def _upstream(self, members: Sequence[str]) -> Iterator[str]:
        # Who fails once is asked again: to pass over each for a while would make a moment of all an outage.
        yield from (f"server {member} max_fails=0;" for member in members)
        yield "keepalive 32;"
        # Shorter than what common servers bear, so that no request meets a connection that is being closed.
        yield "keepalive_timeout 4s;"

    def _listen(self, port: int, *flags: str) -> Iterator[str]:
        for address in self.listening.addresses:
            host = f"[{address}]" if ":" in address else address
            yield " ".join(("listen", f"{host}:{port}", *flags)) + ";"

    def _listen_tls(self, *flags: str) -> Iterator[str]:
        if self.flavour.version >= _HTTP2_DIRECTIVE_SINCE:
            yield from self._listen(self.listening.https_port, "ssl", *flags)
            yield "http2 on;"
        else:
            yield from self._listen(self.listening.https_port, "ssl", "http2", *flags)

    def _probe(self) -> Iterator[str]:
        yield f"listen 127.0.0.1:{self.listening.probe_port};"
        yield "server_name _;"
        answer = ["default_type text/plain;", f'return 200 "{_HASH}";']
        yield from _block(f"location = {GENERATION_PATH}", answer)
        for name, members in sorted(self.members.items()):
            if members:
                through = (f"proxy_pass http://{name}/;", *_forwarding(RouteOptions(), prefix=None))
                yield from _block(f"location ^~ {UPSTREAM_PATH}/{name}/", through)
        yield from _block("location /", ["return 404;"])

    def _default_http(self) -> Iterator[str]:
        yield from self._listen(self.listening.http_port, "default_server")
        yield "server_name _;"
        # Also for names that have no route yet: a certificate may come first.
        yield from self._challenges()
        yield from _block("location /", ["return 444;"])

    def _default_https(self) -> Iterator[str]:
        yield from self._listen_tls("default_server")
        yield "server_name _;"
        yield "ssl_reject_handshake on;"

    def _challenges(self) -> Iterator[str]:
        lines = ["return 404;"]
        if self.thumbprint:
            token = rf'"^{re.escape(addresses.CHALLENGES)}/([A-Za-z0-9_-]{{1,128}})$"'
            answer = ["default_type text/plain;", f'return 200 "$1.{self.thumbprint}";']
            lines = [*_block(f"location ~ {token}", answer), *lines]
        yield from _block(f"location ^~ {addresses.CHALLENGES}/", lines)

    def _site(self, domain: str, routes: Sequence[RoutedTo]) -> Iterator[str]:
        yield from _block("server", self._plain(domain, routes))
        secured = [route for route in routes if route.tls and route.gate == "open"]
        if secured and domain in self.certificates:
            yield from _block("server", self._secured(domain, secured))

    def _plain(self, domain: str, routes: Sequence[RoutedTo]) -> Iterator[str]:
        yield from self._listen(self.listening.http_port)
        yield f'server_name "{domain}";'
        yield from self._challenges()
        for route in routes:
            if route.gate != "open":
                continue
            if not route.tls:
                yield from self._locations(route)
            elif domain in self.certificates:
                yield from _at(route.path, self._redirect())
            else:
                yield from _at(route.path, _sorry("This address waits for its certificate."))
        if not any(route.path == "/" and route.gate == "open" for route in routes):
            yield from _block("location /", ["return 404;"])

    def _secured(self, domain: str, routes: Sequence[RoutedTo]) -> Iterator[str]:
        yield from self._listen_tls()
        yield f'server_name "{domain}";'
        fingerprint = self.certificates[domain]
        yield f"ssl_certificate ../../certs/{fingerprint}.pem;"
        yield f"ssl_certificate_key ../../certs/{fingerprint}.key;"
        for route in routes:
            yield from self._locations(route)
        if not any(route.path == "/" for route in routes):
            yield from _block("location /", ["return 404;"])

    def _redirect(self) -> Iterator[str]:
        port = "" if self.listening.https_port == 443 else f":{self.listening.https_port}"
        # Not 301, after which a POST comes as a GET.
        yield f"return 308 https://$host{port}$request_uri;"

    def _locations(self, route: RoutedTo) -> Iterator[str]:
        if not self.members[route.upstream]:
            yield from _at(route.path, _sorry("Nothing is running here at present."))
            return
        options = route.options
        stripped = options.strip_path and route.path != "/"
        lines = [
            f"proxy_pass http://{route.upstream}{'/' if stripped else ''};",
            *_forwarding(options, prefix=route.path if stripped else None),
            *_answer_headers(route),
        ]
        yield from _at(route.path, lines)


def _at(path: str, lines: Iterable[str]) -> Iterator[str]:
    """Blocks for a path and everything below it, and not for what merely begins with the same letters."""
    lines = list(lines)
    if path == "/":
        yield from _block("location ^~ /", lines)
        return
    yield from _block(f'location = "{path}"', lines)
    yield from _block(f'location ^~ "{path}/"', lines)


def _sorry(words: str) -> Iterator[str]:
    yield "default_type text/plain;"
    yield "add_header Retry-After 5 always;"
    yield f'return 503 "{words}";'


def _forwarding(options: RouteOptions, *, prefix: str | None) -> Iterator[str]:
    yield "proxy_http_version 1.1;"
    yield "proxy_set_header Host $host;"
    # What the caller says of itself is not passed on: we are the edge.
    yield "proxy_set_header X-Real-IP $remote_addr;"
    yield "proxy_set_header X-Forwarded-For $remote_addr;"
    yield "proxy_set_header X-Forwarded-Proto $scheme;"
    yield "proxy_set_header X-Forwarded-Host $host;"
    yield "proxy_set_header X-Forwarded-Port $server_port;"
    yield "proxy_set_header X-Request-ID $request_id;"
    if prefix is not None:
        yield f'proxy_set_header X-Forwarded-Prefix "{prefix}";'
    if options.websocket:
        yield "proxy_set_header Upgrade $monoize_upgrade;"
        yield "proxy_set_header Connection $monoize_connection;"
    else:
        yield 'proxy_set_header Upgrade "";'
        yield 'proxy_set_header Connection "";'
    yield "proxy_redirect off;"
    yield "proxy_connect_timeout 10s;"
    yield f"proxy_read_timeout {options.silence_s}s;"
    yield f"proxy_send_timeout {options.silence_s}s;"
    yield "proxy_next_upstream error timeout;"
    yield f"client_max_body_size {options.body_mb}m;"
    if not options.buffering:
        yield "proxy_buffering off;"
    if not options.buffering or options.body_mb >= _LARGE_BODY_MB:
        yield "proxy_request_buffering off;"


def _answer_headers(route: RoutedTo) -> Iterator[str]:
    for name, value in sorted(route.options.headers.items()):
        yield f'add_header {name} "{value}" always;'
    if route.options.hsts and route.tls:
        yield 'add_header Strict-Transport-Security "max-age=63072000" always;'
