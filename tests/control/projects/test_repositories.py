"""What is taken as an address of a repository, a branch, a path in it: git never reads an option or a command."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monoize.control.projects.model import repositories
from monoize.control.projects.model.repositories import repository_key

HOSTILE_URLS = [
    "ext::sh -c touch% /tmp/owned",
    "file:///etc",
    "/etc/passwd",
    "--upload-pack=touch /tmp/owned",
    "-u",
    "git@github.com:a/b.git",
    "ssh://-oProxyCommand=touch/x",
    "https://user:pass@github.com/a/b",
    "https://github.com/a/b?x=1",
    "https://github.com/a/b#x",
    "https://github.com",
    "https://-x/a",
    "https://h:0/a",
    "https://h:99999/a",
    "https://h/a/../b",
    "https://h/a b",
    "https://h/a\nb",
    "https://h/`id`",
    "http://[::1]/a",
    "https://h/" + "a" * 600,
]
HOSTILE_REFS = [
    "-x",
    "--upload-pack=x",
    "a..b",
    "a b",
    "a\n",
    "a;b",
    "$(id)",
    "",
    "a/",
    "a//b",
    "/a",
    "a.lock",
    "HEAD@{1}",
]
HOSTILE_PATHS = ["..", "a/../b", "/etc", "-f", "a//b", "a/", "", "a\0b", "a b", "./..", "a/-rf", "~/x"]


@pytest.mark.parametrize("url", HOSTILE_URLS)
def test_an_address_that_is_not_plain_https_is_refused(url):
    with pytest.raises(ValueError):
        repositories.clone_url(url)


@pytest.mark.parametrize("ref", HOSTILE_REFS)
def test_a_ref_that_is_none_is_refused(ref):
    with pytest.raises(ValueError):
        repositories.git_ref(ref)


@pytest.mark.parametrize("path", HOSTILE_PATHS)
def test_a_path_that_leaves_the_repository_is_refused(path):
    with pytest.raises(ValueError):
        repositories.inner_path(path)


def test_ordinary_ones_are_taken():
    assert "https://github.com/a/b.git" == repositories.clone_url("https://github.com/a/b.git")
    assert ["main", "feature/x-1", "v1.2.3"] == [
        repositories.git_ref(ref) for ref in ("main", "feature/x-1", "v1.2.3")
    ]
    assert [".", "services/api", ".docker"] == [
        repositories.inner_path(p) for p in (".", "./services/api", ".docker")
    ]


@given(st.text(max_size=40))
def test_whatever_is_taken_as_a_ref_or_a_path_is_no_option_and_has_no_way_out(text):
    for reader in (repositories.git_ref, repositories.inner_path):
        try:
            taken = reader(text)
        except ValueError:
            continue
        assert not taken.startswith("-")
        assert ".." not in taken.split("/")
        assert not any(char.isspace() or ord(char) < 32 for char in taken)


def test_one_repository_has_one_key_however_it_is_addressed():
    addresses = [
        "https://github.com/Owner/Repo.git",
        "https://github.com:443/owner/repo",
        "git@github.com:owner/repo.git",
        "ssh://git@github.com/owner/repo",
        "https://GitHub.com/owner/repo/",
    ]
    assert {"github.com/owner/repo"} == {repository_key(address) for address in addresses}
    assert "h:8443/a" == repository_key("https://h:8443/a.git")
    assert repository_key("not an address") is None


@pytest.mark.parametrize("name", ["DB_PASSWORD", "api_key", "GITHUB_TOKEN", "1A", "A-B", ""])
def test_arguments_of_a_build_carry_no_secrets(name):
    with pytest.raises(ValueError):
        repositories.build_argument(name)
