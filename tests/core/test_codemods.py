"""How an issue names programs that rewrite code."""

import pytest

from app.core.codemods import MOST, codemods_of
from tests.tasks import task


@pytest.mark.parametrize(
    ("body", "commands"),
    [
        ("Use new.\n\ncodemod: `ruff check --select UP --fix src`", ("ruff check --select UP --fix src",)),
        ("codemod: npx jscodeshift -t mods/imports.js src", ("npx jscodeshift -t mods/imports.js src",)),
        ("- **Codemods:** `a`, `b c`\r\ncodemod: `a`", ("a", "b c")),
        ("codemod: ``sed 's/`old`/new/' a.md``", ("sed 's/`old`/new/' a.md",)),
        ("There is a codemod: it is old.", ()),
        ("codemod:\n`a`", ()),
        (f"codemod: {'x' * 1_001}", ()),
        ("\n".join(f"codemod: `{number}`" for number in range(9)), tuple(str(number) for number in range(MOST))),
    ],
)
def test_a_line_names_commands(body: str, commands: tuple[str, ...]) -> None:
    assert codemods_of(task(body=body)) == commands


def test_what_is_said_behind_the_command_counts_too() -> None:
    assert codemods_of(task(body="Do it.", instructions="codemod: `fix-it .`")) == ("fix-it .",)
