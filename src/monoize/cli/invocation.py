"""One run of the command line: which server it speaks to, as whom, and in which shape it answers.

The options of the root group and of each verb fill it in; verbs get it with `click.pass_obj`. Without a usable
credential, or when one would travel in the clear, asking for `api` is a Failure and nothing is sent.
"""

import dataclasses
import functools
from pathlib import Path
from typing import Final

import click

from monoize.cli import profile
from monoize.cli.api import Api, is_exposed, server_address
from monoize.cli.failure import Exit, Failure
from monoize.cli.profile import DEFAULT_PROFILE, Profile

DEFAULT_URL: Final = "http://127.0.0.1:8080"
_TOKEN_MOST_CHARS: Final = 512


def default_profiles_file() -> Path:
    return Path(click.get_app_dir("monoize"), "profiles.toml")


@dataclasses.dataclass
class Invocation:
    profile: str = DEFAULT_PROFILE
    url: str | None = None
    json: bool = False
    insecure_http: bool = False
    token: str | None = None
    profiles: Path = dataclasses.field(default_factory=default_profiles_file)

    @functools.cached_property
    def saved(self) -> Profile | None:
        return profile.read(self.profiles).get(self.profile)

    @property
    def as_text(self) -> bool:
        return not self.json

    @property
    def server(self) -> str:
        """The address to speak to, after making sure that a credential can travel there unread."""
        address = server_address(self.url or (self.saved.url if self.saved else DEFAULT_URL))
        if is_exposed(address) and not self.insecure_http:
            raise Failure(
                f"a credential sent to {address} could be read on the way",
                exit=Exit.USAGE,
                hint="Use https, or accept the risk with --insecure-http.",
            )
        return address

    @functools.cached_property
    def api(self) -> Api:
        server = self.server
        if self.token:
            return Api(server, usable_token(self.token))
        if self.saved and self.saved.url == server:
            return Api(server, self.saved.token)
        raise Failure(f"nobody is signed in at {server}", exit=Exit.CANNOT, hint=f"Run `{self.login_command}`.")

    @property
    def login_command(self) -> str:
        command = "monoize login"
        if self.url:
            command += f" --url {self.url}"
        if self.profile != DEFAULT_PROFILE:
            command += f" --profile {self.profile}"
        return command

    def save(self, kept: Profile | None) -> None:
        """Keep this as the run's profile; None forgets it."""
        profiles = profile.read(self.profiles)
        profiles.pop(self.profile, None)
        if kept:
            profiles[self.profile] = kept
        profile.write(self.profiles, profiles)


def usable_token(token: str) -> str:
    token = token.strip()
    if not (0 < len(token) <= _TOKEN_MOST_CHARS and token.isascii() and token.isprintable() and " " not in token):
        raise Failure("this is not a token: it has other characters than tokens have", exit=Exit.USAGE)
    return token
