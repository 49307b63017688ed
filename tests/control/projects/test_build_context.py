"""What travels to the engine to be built: what is meant, less what is ignored, and nothing of this machine."""

import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monoize.control.projects.drivers import context
from monoize.control.projects.drivers.context import ContextRefused
from monoize.control.projects.model import dockerignore


def repository(folder: Path, **files: str) -> Path:
    for name, text in {"Dockerfile": "FROM scratch\n", **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def packed(folder: Path, tmp_path: Path, where: str = ".", dockerfile: str = "Dockerfile") -> list[str]:
    context.pack(folder, where, dockerfile, tmp_path / "context.tar")
    with tarfile.open(tmp_path / "context.tar") as archive:
        return archive.getnames()


@pytest.mark.parametrize(
    ("patterns", "left_out", "stays"),
    [
        ("*.log", ["a.log"], ["dir/a.log", "a.txt"]),
        ("**/*.log", ["a.log", "dir/sub/a.log"], ["a.txt"]),
        ("node_modules", ["node_modules", "node_modules/x/y"], ["src/node_modules"]),
        ("/build/", ["build", "build/x"], ["src/build"]),
        ("*\n!keep.txt", ["a", "dir/x"], ["keep.txt"]),
        ("*.md\n!README.md\nREADME.md", ["README.md"], []),
        ("a?c\n[x-z].txt\n[^a]b", ["abc", "y.txt", "cb"], ["ac", "w.txt", "ab"]),
        ("# comment\n\n  secret  ", ["secret"], ["comment"]),
        ("a/**/b", ["a/b", "a/x/y/b"], ["ab", "a/bc"]),
        (r"\*.txt", ["*.txt"], ["a.txt"]),
    ],
)
def test_patterns_mean_what_they_mean_to_docker(patterns, left_out, stays):
    rules = dockerignore.rules(patterns)
    assert [True] * len(left_out) == [dockerignore.is_left_out(path, rules) for path in left_out]
    assert [False] * len(stays) == [dockerignore.is_left_out(path, rules) for path in stays]


@given(st.text(alphabet="ab*?[]^!-\\/.#\n ", max_size=60), st.text(alphabet="ab/.", max_size=20))
def test_any_file_of_patterns_can_be_read(text, path):
    dockerignore.is_left_out(path, dockerignore.rules(text))


def test_too_many_patterns_are_refused():
    with pytest.raises(ValueError):
        dockerignore.rules("a\n" * (dockerignore.PATTERNS_MOST + 1))


def test_the_folder_is_packed_without_git_and_without_what_is_ignored(tmp_path):
    files = {
        ".git/config": "x",
        "src/a.py": "a",
        "node_modules/x": "x",
        ".dockerignore": "node_modules\nDockerfile",
    }
    folder = repository(tmp_path / "r", **files)
    # The Dockerfile travels even where it is ignored: without it nothing can be built.
    assert [".dockerignore", "Dockerfile", "src", "src/a.py"] == packed(folder, tmp_path)


def test_what_is_taken_back_in_travels_also_out_of_a_folder_that_is_ignored(tmp_path):
    folder = repository(tmp_path / "r", **{"d/a": "a", "d/b": "b", ".dockerignore": "d\n!d/b"})
    assert [".dockerignore", "Dockerfile", "d/b"] == packed(folder, tmp_path)


def test_the_same_folder_gives_the_same_bytes(tmp_path):
    folder = repository(tmp_path / "r", **{"b/x": "x", "a": "a"})
    context.pack(folder, ".", "Dockerfile", tmp_path / "one.tar")
    (folder / "a").touch()
    context.pack(folder, ".", "Dockerfile", tmp_path / "two.tar")
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()


def test_a_link_is_packed_as_a_link_and_never_followed(tmp_path):
    (tmp_path / "secret").write_text("secret")
    folder = repository(tmp_path / "r")
    (folder / "link").symlink_to(tmp_path / "secret")
    packed(folder, tmp_path)
    with tarfile.open(tmp_path / "context.tar") as archive:
        assert archive.getmember("link").issym()
    assert b"secret\n" not in (tmp_path / "context.tar").read_bytes()


@pytest.mark.parametrize("where", ["away", "missing"])
def test_a_context_outside_of_the_repository_is_refused(tmp_path, where):
    folder = repository(tmp_path / "r")
    (folder / "away").symlink_to("/etc")
    with pytest.raises(ContextRefused):
        packed(folder, tmp_path, where)


def test_a_dockerfile_that_is_a_way_out_is_refused(tmp_path):
    folder = repository(tmp_path / "r")
    (folder / "Other").symlink_to("/etc/passwd")
    with pytest.raises(ContextRefused):
        packed(folder, tmp_path, ".", "Other")


async def test_the_archive_is_read_in_pieces(tmp_path):
    (tmp_path / "f").write_bytes(b"x" * 600_000)
    pieces = [chunk async for chunk in context.chunks(tmp_path / "f")]
    assert (600_000, 3) == (sum(map(len, pieces)), len(pieces))
