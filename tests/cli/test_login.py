"""Signing in and out, and where the credential is kept."""

import stat
import tomllib

import pytest
from cli.command_line import CommandLine
from support.house import PASSWORD
from support.server import Server


def profiles(somebody: CommandLine) -> dict[str, dict[str, str]]:
    return tomllib.loads(somebody.profiles.read_text())["profiles"]


def test_a_sign_in_is_kept_for_its_owner_alone(signed_in: CommandLine, server: Server):
    kept = profiles(signed_in)["default"]

    assert (server.address, "session", "root") == (kept["url"], kept["kind"], kept["name"])
    assert 0o600 == stat.S_IMODE(signed_in.profiles.stat().st_mode)
    assert 0o700 == stat.S_IMODE(signed_in.profiles.parent.stat().st_mode)
    assert [signed_in.profiles] == list(signed_in.profiles.parent.iterdir())


def test_a_folder_that_was_there_keeps_its_mode(root: CommandLine):
    root.profiles.parent.chmod(0o755)
    root.does("logout", "--local")

    assert 0o755 == stat.S_IMODE(root.profiles.parent.stat().st_mode)
    assert 0o600 == stat.S_IMODE(root.profiles.stat().st_mode)


def test_the_profile_file_has_a_place_of_its_own(server: Server, stranger: CommandLine):
    stranger.does("login", "--token-stdin", stdin=token_of(server, stranger), MONOIZE_PROFILES="")

    assert (stranger.home / "xdg" / "monoize" / "profiles.toml").is_file()


def token_of(server: Server, somebody: CommandLine) -> str:
    """A session token is as good as a named one for what these tests ask."""
    signed = somebody.does("login", "--name", "root@example.com", "--password-stdin", stdin=f"{PASSWORD}\r\n")
    assert "as root" in signed.err
    return profiles(somebody)["default"]["token"]


def test_a_wrong_password_is_refused_and_keeps_nothing(stranger: CommandLine):
    refused = stranger.run("login", "--name", "root", "--password-stdin", stdin="wrong password")

    assert (3, "") == (refused.code, refused.out)
    assert "monoize: The name or the password is wrong." in refused.err
    assert "request id: " in refused.err
    assert "wrong password" not in refused.err.replace("The name or the password is wrong.", "")
    assert not stranger.profiles.exists()


def test_people_are_asked_for_name_and_password_and_the_password_is_not_shown(stranger: CommandLine):
    terminal = stranger.on_terminal("login")
    terminal.expect("Name at ").type("root").expect("Password").type(PASSWORD)
    code, seen = terminal.end()

    assert 0 == code
    assert "Signed in" in seen
    assert PASSWORD not in seen


@pytest.mark.parametrize(
    "arguments", [(), ("--password-stdin",), ("--token-stdin", "--name", "root")], ids=["nobody", "no name", "both"]
)
def test_without_a_terminal_the_command_line_must_say_it_all(stranger: CommandLine, arguments: tuple[str, ...]):
    refused = stranger.run("login", *arguments, stdin="x")

    assert 2 == refused.code
    assert "Error: " in refused.err


def test_a_named_token_is_checked_kept_and_used(root: CommandLine, stranger: CommandLine):
    secret = root.does("tokens", "create", "login-test", "--role", "admin").out
    stranger.does("login", "--profile", "ci", "--token-stdin", stdin=secret)

    assert "token" == profiles(stranger)["ci"]["kind"]
    me = stranger.json("whoami", "--profile", "ci")
    assert ("token", "login-test", "admin") == (me["kind"], me["name"], me["role"])

    gone = stranger.does("--profile", "ci", "logout")
    assert "monoize tokens delete login-test" in gone.err
    assert {} == tomllib.loads(stranger.profiles.read_text())


def test_a_token_that_the_server_does_not_know_is_not_kept(stranger: CommandLine):
    refused = stranger.run("login", "--token-stdin", stdin=f"mzt_{'0' * 16}_{'0' * 64}")

    assert 3 == refused.code
    assert "This credential is not valid." in refused.err
    assert not stranger.profiles.exists()


def test_an_api_key_is_not_a_way_in(root: CommandLine, stranger: CommandLine):
    key = root.does("keys", "create", "not-a-way-in").out
    refused = stranger.run("login", "--token-stdin", stdin=key)

    assert 1 == refused.code
    assert "hint: Use a named token" in refused.err


def test_logout_ends_the_session_at_the_server_too(server: Server, stranger: CommandLine):
    token = token_of(server, stranger)
    gone = stranger.does("logout")

    assert "ended its session" in gone.err
    assert 3 == stranger.run("whoami", MONOIZE_TOKEN=token).code
    assert 1 == stranger.run("logout").code


def test_whoami_says_who_and_where(root: CommandLine, server: Server):
    shown = root.does("whoami").out

    assert ["server", server.address] == shown.splitlines()[0].split()
    assert "super_admin" in shown
    assert "root@example.com" == root.json("whoami")["user"]["email"]


def test_a_token_in_the_environment_beats_the_profile(root: CommandLine):
    secret = root.does("tokens", "create", "beats-profile").out.strip()

    assert "beats-profile" in root.does("whoami", MONOIZE_TOKEN=secret).out


def test_a_token_is_never_an_argument(root: CommandLine):
    assert 2 == root.run("--token", "mzt_x", "whoami").code


def test_nobody_signed_in_is_told_how(stranger: CommandLine, server: Server):
    refused = stranger.run("--profile", "work", "users", "list")

    assert 3 == refused.code
    assert f"hint: Run `monoize login --url {server.address} --profile work`." in refused.err


@pytest.mark.parametrize("content", ["not toml", "[profiles.default]\nurl = 1", "profiles = 3"])
def test_a_broken_profile_file_is_never_taken_for_an_empty_one(root: CommandLine, content: str):
    root.profiles.write_text(content)
    refused = root.run("login", "--token-stdin", stdin="mzt_x")

    assert 3 == refused.code
    assert f"monoize: {root.profiles} is not a profile file" in refused.err
    assert content == root.profiles.read_text()
