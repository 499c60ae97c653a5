import subprocess
from pathlib import Path

import pytest

from blueprints.docs.blueprint import run_again
from blueprints.docs.documents import belongs, examples, leads_nowhere, links, mistake, places

FILES = places(["README.md", "docs/guide.md", "docs/a b.png", "src/app.py", "docs/deep/index.md"])


@pytest.mark.parametrize(
    ("path", "is_one"),
    [
        ("README.md", True),
        ("docs/logo.png", True),
        ("mkdocs.yml", True),
        ("CHANGELOG.rst", True),
        ("docs/conf.py", False),
        ("src/app.py", False),
        ("requirements.txt", False),
        ("pyproject.toml", False),
    ],
)
def test_what_belongs_to_the_documentation(path: str, *, is_one: bool) -> None:
    assert belongs(path) is is_one


@pytest.mark.parametrize(
    ("path", "target", "nowhere"),
    [
        ("README.md", "docs/guide.md", False),
        ("README.md", "docs/guide.md#part", False),
        ("README.md", "docs", False),
        ("README.md", "docs/none.md", True),
        ("docs/guide.md", "a%20b.png", False),
        ("docs/guide.md", "../README.md", False),
        ("docs/guide.md", "/src/app.py", False),
        ("docs/guide.md", "src/app.py", True),
        ("docs/guide.md", "deep/", False),
        ("docs/deep/index.md", "../guide", False),
        ("docs/deep/index.md", "../guide.html", False),
        ("README.md", "../../issues", False),
        ("README.md", ".", False),
    ],
)
def test_where_a_link_leads(path: str, target: str, *, nowhere: bool) -> None:
    assert leads_nowhere(path, target, FILES) is nowhere


def test_links_are_those_of_markdown_to_files() -> None:
    text = (
        "# A\n\n[one](a.md) and [two][ref]\n\n![p](p.png)\n\n`[no](code.md)` <https://x.test>\n\n| [t](t.md) |\n|---|\n"
        "\n"
        "[s](#part) [w](https://a.test/b.md) [m](mailto:a@b.test)\n\n```\n[no](fence.md)\n```\n\n[ref]: b.md\n"
    )
    assert [(one.line, one.text) for one in links("a.md", text)] == [
        (3, "a.md"),
        (3, "b.md"),
        (5, "p.png"),
        (9, "t.md"),
    ]


def test_pictures_and_includes_are_links_of_restructuredtext() -> None:
    text = "A\n=\n\n.. image:: a.png\n   :alt: x\n\n  .. literalinclude:: ../b.py\n"
    assert [(one.line, one.text) for one in links("docs/a.rst", text)] == [(4, "a.png"), (7, "../b.py")]


@pytest.mark.hostile
@pytest.mark.parametrize("text", ["[a](http://[)", "[" * 50_000, "> " * 5_000 + "x", "[a](<b\nc>)"])
def test_what_strangers_write_breaks_nothing(text: str) -> None:
    assert [one for one in links("a.md", text) if leads_nowhere("a.md", one.text, FILES)] == []
    assert list(examples("a.md", text)) == []


@pytest.mark.parametrize(
    ("language", "text", "told"),
    [
        ("python", "x = 1\nawait f(...)\n", ""),
        ("python", "def f(:\n", "invalid syntax"),
        ("py", "print 'x'\n", "Missing parentheses"),
        ("python", ">>> broken(\n", ""),
        ("json", '{"a": 1}', ""),
        ("json", "{a: 1}", "Expecting property name"),
        ("yaml", "a: !Ref b\n---\nc: 1\n", ""),
        ("yaml", "a: [1\n", "expected ',' or ']'"),
        ("toml", "a = 1\n", ""),
        ("toml", "a = \n", "Invalid value"),
        ("console", "$ x (", ""),
        ("json", "[" * 100_000, "too deeply"),
        ("python", "(" * 100_000, "too many nested"),
        ("python", "-" * 100_000 + "1", "deep"),
    ],
)
def test_an_example_is_of_its_language(language: str, text: str, told: str) -> None:
    (example,) = examples("a.md", f"A\n\n```{language}\n{text.rstrip()}\n```\n")
    assert (example.line, example.language) == (4, language)
    found = mistake(example)
    assert (told in found) if told else found == "", found


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("# A\n\n```python\n>>> 1 + 1\n2\n```\n\nMore.\n", 0),
        ("```python\n>>> 1 + 1\n3\n```\n", 1),
        ("```python\n>>> from own import ONE\n>>> ONE\n1\n```\n", 0),
        ("```python\n>>> import none\n```\n", 1),
        ("~~~\n>>> print('a  b')\na b\n~~~\n", 0),
        ("Nothing.\n", 0),
    ],
)
def test_sessions_are_run_again(tmp_path: Path, text: str, code: int) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "own.py").write_text("ONE = 1\n")
    (tmp_path / "a b.md").write_text(text)
    done = subprocess.run(["bash", "-c", run_again("a b.md")], cwd=tmp_path, check=False, capture_output=True)
    assert done.returncode == code, done.stdout
