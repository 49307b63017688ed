"""Making the first account without a browser."""

from pathlib import Path

import pytest
from cli.command_line import CommandLine
from support.house import PASSWORD
from support.server import forked_server


def test_the_first_account_is_made_once_and_can_sign_in(operator: CommandLine, tmp_path: Path):
    made = operator.does("init", "--email", "ada.l@Example.com", "--password-stdin", stdin=f"{PASSWORD}\nignored\n")
    assert "Made the first account ada_l, a super_admin." in made.err
    assert PASSWORD not in made.out + made.err

    again = operator.run("init", "--email", "eve@example.com", "--password-stdin", stdin=PASSWORD)
    assert 3 == again.code
    assert again.err.startswith("monoize: The first account has already been made.")
    assert 1 == len(again.err.splitlines())

    with forked_server(tmp_path, MONOIZE_LOG_LEVEL="error") as server:
        operator.does("login", "--url", server.address, "--name", "ada_l", "--password-stdin", stdin=PASSWORD)
        me = operator.json("whoami")
        assert ("super_admin", "ada.l@example.com") == (me["role"], me["user"]["email"])
        server.process.terminate()
        assert "/setup" not in server.process.communicate()[0]


@pytest.mark.parametrize(
    ("arguments", "password", "code", "words"),
    [
        (("--email", "nonsense"), PASSWORD, 2, "is not an e-mail address"),
        (("--email", "a@example.com", "--username", "a b"), PASSWORD, 2, "letters, digits and underscores"),
        (("--email", "a@example.com"), "", 2, "the first line of stdin must be the password"),
        (("--email", "a@example.com"), "\n", 2, "the first line of stdin must be the password"),
        (("--email", "a@example.com"), "x" * 5000, 2, "on stdin is longer than 4096 bytes"),
        (("--email", "a@example.com"), "short", 3, "A password needs at least 8 characters."),
        (("--email", "a@example.com"), "x" * 300, 3, "password: String should have at most 256 characters"),
        (("--email", "a@example.com", "--username", "_monoize_x"), PASSWORD, 3, "must not begin with _monoize_"),
    ],
)
def test_what_cannot_become_an_account_is_refused(
    operator: CommandLine, arguments: tuple[str, ...], password: str, code: int, words: str
):
    refused = operator.run("init", *arguments, "--password-stdin", stdin=password)

    assert code == refused.code
    assert words in refused.err


def test_the_password_is_never_an_argument(operator: CommandLine):
    assert 2 == operator.run("init", "--email", "a@example.com", stdin=PASSWORD).code
