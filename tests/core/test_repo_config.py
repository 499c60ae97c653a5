from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.budget import Budget
from app.core.errors import ConfigError
from app.core.patience import Patience
from app.core.repo_config import RepoConfig

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def test_a_command_may_stand_alone() -> None:
    assert RepoConfig.parse({"test": "pytest"}).test == ("pytest",)


def test_a_folder_may_be_written_in_several_ways() -> None:
    config = RepoConfig.parse({"sparse": ["libs/a/", "./docs"]})
    assert config.sparse == config.layout.folders == ("libs/a", "docs")
    assert RepoConfig().layout.is_whole


def test_what_is_not_said_about_checks_is_as_the_installation_has_it() -> None:
    said = RepoConfig.parse({"checks_settle_s": 0, "checks_wait_s": 7_200, "autofix": "make fix"})
    assert said.patience(Patience(start_s=9)) == Patience(wait_s=7_200, start_s=9, settle_s=0)
    assert said.autofix == ("make fix",)
    assert RepoConfig().patience(Patience(start_s=9)) == Patience(start_s=9)


def test_an_empty_file_says_nothing() -> None:
    assert RepoConfig.parse(None) == RepoConfig()


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"tests": "x"}, "unknown key 'tests'. Did you mean `test`?"),
        ({"zzz": 1}, "unknown key 'zzz'. Known keys: `setup`, `lint`"),
        ({3: 1}, "unknown key 3"),
        ({60**9_999: 1}, "unknown key a number."),
        ({"x" * 9_999: 1}, f"unknown key '{'x' * 79}."),
        (["pytest"], "must hold keys and values, such as `test: pytest`; it holds a list."),
        ({"test": 3}, "`test` must be a command or a list of commands, not a number."),
        ({"test": ["a", None]}, "`test`, entry 2, must be a command or a list of commands, not nothing."),
        ({"lint": [""]}, "`lint`, entry 1, is empty."),
        ({"test_timeout_s": 0}, "`test_timeout_s` must be at least 1."),
        ({"test_timeout_s": 9e9}, "`test_timeout_s` must be at most 3600."),
        ({"image": ["python:3.12"]}, "`image` must be the name of a container image, such as `python:3.12`."),
        ({"image": "--privileged"}, "`image` must be the name of a container image"),
        ({"image": "../etc"}, "`image` must be the name of a container image"),
        ({"image": "a\n"}, "`image` must be the name of a container image"),
        ({"image": "${localEnv:HOME}"}, "`image` must be the name of a container image"),
        ({"sparse": ["a", "/b"]}, "`sparse`, entry 2, must be a folder of the repository, such as `libs/parser`"),
        ({"sparse": "libs/*"}, "globs are not known here"),
        ({"sparse": [3]}, "`sparse`, entry 1, must be a folder of the repository"),
        ({"sparse": ["a"] * 201}, "`sparse` must be"),
        ({"submodules": "recursive"}, "`submodules` must be `true` or `false`."),
        ({"checks_wait_s": 0}, "`checks_wait_s` must be at least 1."),
        ({"checks_wait_s": 30_000}, "`checks_wait_s` must be at most 21600."),
        ({"checks_settle_s": "soon"}, "`checks_settle_s` must be a number, not text."),
        ({"autofix": {"a": 1}}, "`autofix` must be a command or a list of commands, not keys and values."),
        ({"minion_turns": 0}, "`minion_turns` must be at least 1."),
        ({"max_files": 1.5}, "`max_files` must be a whole number."),
        ({"minion_usd": "much"}, "`minion_usd` must be a number, not text."),
        ({"max_files": "many"}, "`max_files` must be a number, not text."),
        ({"max_files": True}, "`max_files` must be a number, not yes or no."),
    ],
)
def test_what_cannot_be_used_is_said(said: object, sentence: str) -> None:
    with pytest.raises(ConfigError, match=r"^\.github/minion\.yml") as caught:
        RepoConfig.parse(said)
    assert sentence in str(caught.value)


@given(JSON | st.dictionaries(st.sampled_from(list(RepoConfig.model_fields)), JSON, max_size=3))
def test_nothing_but_a_sentence_is_raised(said: object) -> None:
    with suppress(ConfigError):
        RepoConfig.parse(said)


def test_a_repository_says_what_minions_may_use() -> None:
    """The tokens follow the turns; what is not said stays as the node has it; the operator has the last word."""
    usual = Budget(turns=80, tokens=4_000_000, usd=3.0, seconds=1_800)
    assert RepoConfig().budget(usual) == usual
    wanted = RepoConfig.parse({"minion_turns": 160, "minion_usd": 20}).budget(usual)
    assert wanted == Budget(turns=160, tokens=8_000_000, usd=20.0, seconds=1_800)
    assert wanted.within(turns=100, usd=5.0, seconds=600) == Budget(turns=100, tokens=8_000_000, usd=5.0, seconds=600)


def test_what_is_said_wins_over_what_was_found_key_by_key() -> None:
    said = RepoConfig.parse({"test": "make check", "lint": [], "max_files": 3})
    config = said.over(RepoConfig(setup=("npm ci",), lint=("npm run lint",), test=("npm test",)))
    assert (config.setup, config.lint, config.test, config.max_files) == (("npm ci",), (), ("make check",), 3)
