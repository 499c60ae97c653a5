"""What a work tree holds of a commit, and what git is told of it."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.layout import Layout, is_folder_name

HELD = Layout(folders=("libs/parser", "docs", "docs/old"))

NAMES = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=3).map("/".join)


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("README.md", None),
        ("docs/index.md", None),
        ("docs/old/deep/x", None),
        ("libs/parser/src/a.py", None),
        ("libs/setup.cfg", None),
        ("libs/parser", None),
        ("libs/parser2/a.py", "libs/parser2"),
        ("libs/other/deep/down/a.py", "libs/other"),
        (".github/workflows/ci.yml", ".github"),
        ("docs2/x", "docs2"),
        ("caf\udce9/x", "caf\udce9"),
    ],
)
def test_names_the_folder_that_is_left_out(path: str, folder: str | None) -> None:
    assert HELD.left_out(path) == folder
    assert HELD.holds(path) == (folder is None)
    assert Layout().holds(path)


def test_splits_a_commit() -> None:
    paths = ["a.py", "web/x/1", "web/y/2", "libs/parser/3", "libs/a/4"]
    assert HELD.split(paths) == (["web/x/1", "web/y/2", "libs/a/4"], ["libs/a", "web"])


def test_has_one_name_for_the_same_folders() -> None:
    assert Layout().name == ""
    assert Layout(("b", "a")).name == Layout(("a", "b", "a")).name != Layout(("a",)).name


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        *((name, True) for name in ("a", "libs/parser", ".github", "with blank", "ünï", "a-b/c.d", "a/-b")),
        *(
            (name, False)
            for name in ("", "/", "/a", "a/", "a//b", "a/../b", "..", ".", "a/./b", "-a", ".git", "a/.git")
        ),
        *((name, False) for name in ("*", "a/*", "a[b]", "a?", "a\\b", "a\nb", "a\0", " a", "a ", "x" * 301)),
    ],
)
def test_knows_names_of_folders(name: str, is_one: bool) -> None:  # noqa: FBT001 # a case
    assert is_folder_name(name) is is_one


@given(st.lists(NAMES, min_size=1, max_size=4), st.lists(NAMES, min_size=1, max_size=8))
def test_holds_a_path_by_its_folder_only(folders: list[str], paths: list[str]) -> None:
    layout = Layout(tuple(folders))
    for path in paths:
        left_out = layout.left_out(f"{path}/file")
        assert layout.left_out(f"{path}/other") == left_out
        assert left_out is None or (layout.left_out(f"{left_out}/new") == left_out and not set(folders) & {left_out})


@pytest.mark.parametrize(
    "folders",
    [("a",), ("a/b",), ("a/b/c", "a/b"), ("b", "a/c"), ("a/b", "a/c", "c"), ("c/c/c", "a/b/c"), ("b/nothing",)],
)
def test_means_what_git_means(tmp_path: Path, folders: tuple[str, ...]) -> None:
    names = [
        f"{one}{two}{three}f" for one in ("", "a/", "b/", "c/") for two in ("", "b/", "c/") for three in ("", "c/")
    ]

    def git(*words: str) -> list[str]:
        command = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b.c", *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\n")[:-1]

    git("init", "--quiet")
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    git("add", "--all")
    git("commit", "--quiet", "--message", "all")
    git("sparse-checkout", "set", "--cone", *folders)
    layout = Layout(folders)
    held = {line[2:] for line in git("ls-files", "-t") if line.startswith("H ")}
    assert held == {name for name in names if layout.holds(name)}
    # And by our patterns alone.
    (tmp_path / ".git/info/sparse-checkout").write_text(layout.patterns())
    git("sparse-checkout", "reapply")
    assert {line[2:] for line in git("ls-files", "-t") if line.startswith("H ")} == held
