"""The analysis reads text, and nothing else."""

import pytest

from app.adapters.ruff import RuffAnalysis


async def test_a_flaw_has_its_rule_and_line() -> None:
    found = await RuffAnalysis().flaws("a.py", "import os\n\nos.system(f'ls {x}')\n")
    assert found is not None
    assert [(each.rule, each.line) for each in found] == [("S605", 3)]


@pytest.mark.hostile
@pytest.mark.parametrize("text", ["", "def broken(:", "\0", "\ud800", "(" * 20_000, "x = 1\n" * 100_000])
async def test_no_text_breaks_it(text: str) -> None:
    assert not await RuffAnalysis().flaws("a.py", text)


@pytest.mark.hostile
async def test_the_text_cannot_silence_it() -> None:
    text = "# ruff: noqa\n# flake8: noqa\neval(x)  # noqa: S307\n"
    found = await RuffAnalysis().flaws("a.py", text)
    assert found is not None
    assert [each.rule for each in found] == ["S307"]


async def test_other_languages_are_not_told() -> None:
    assert await RuffAnalysis().flaws("a.js", "eval(x)") is None
