from datetime import date

import pytest

from app.core.embeddings import Passage
from app.core.orientation import MOST_TOKENS, Hit, forms, fused, named, overview, ranked, told, words
from app.core.workspace import Touched

PATHS = [
    "README.md",
    "docs/use.md",
    "src/app/slug.py",
    "src/app/text/slug.py",
    "src/app/__init__.py",
    "tests/test_slug.py",
]


def test_identifiers_are_looked_for_first_and_common_words_not_at_all() -> None:
    found = words("The slugs are wrong", "When I call `make_slug` with an Emoji, parseTitle returns the error.")
    assert found[0] == "make_slug"
    assert set(found) == {"make_slug", "slug", "emoji", "parsetitle", "call"}


def test_a_word_is_looked_for_as_code_writes_it() -> None:
    assert forms("maketitle", "Call makeTitle or MakeTitle.") == ["maketitle", "Maketitle", "MakeTitle", "makeTitle"]
    assert forms("slug", "Slugs") == ["slug", "Slug"]


def test_an_issue_of_a_megabyte_is_no_trouble() -> None:
    assert len(words("x" * 1_000_000, "word" * 300_000)) < 30
    assert named("a/b." * 200_000, PATHS) == []


@pytest.mark.parametrize(
    ("text", "files"),
    [
        ("see src/app/text/slug.py", ["src/app/text/slug.py"]),
        ("`text/slug.py` is wrong", ["src/app/text/slug.py"]),
        ('File "/home/ann/app/src/app/slug.py", line 3', ["src/app/slug.py"]),
        ("app.text.slug.make fails", ["src/app/text/slug.py"]),
        ("test_slug.py fails", ["tests/test_slug.py"]),
        ("slug.py", ["src/app/slug.py", "src/app/text/slug.py"]),
        ("nothing.py and e.g. this", []),
    ],
)
def test_files_that_a_text_names(text: str, files: list[str]) -> None:
    assert named(text, PATHS) == files


def test_a_rare_word_counts_more_than_a_frequent_one_and_a_short_file_more_than_a_long_one() -> None:
    texts = {
        "a.py": "error " * 20,
        "b.py": "emoji error",
        "c.py": "emoji " + "other " * 2_000,
        "d.py": "nothing",
        "emoji.py": "emoji error",
    }
    hits = ranked(["error", "emoji"], texts, holding={"error": 900, "emoji": 3}, naming={"emoji": 1}, files=1_000)
    assert [hit.path for hit in hits] == ["emoji.py", "b.py", "c.py", "a.py"]
    assert hits[1].words == ("emoji", "error")


@pytest.mark.parametrize(
    ("by_words", "by_meaning", "order"),
    [
        ("", "", ""),
        ("abcd", "", "abcd"),
        ("", "abcd", "abcd"),
        ("abc", "abc", "abc"),
        ("abcd", "dxyz", "dabcxyz"),
        ("abcdefghijkl", "xy", "abcdefgxhi"),
    ],
    ids=["nothing", "words", "meaning", "both", "what both know comes first", "what stands high in either is told"],
)
def test_two_orders_become_one(by_words: str, by_meaning: str, order: str) -> None:
    """Ten files at most."""
    hits = fused([Hit(path, ("word",)) for path in by_words], [Passage(path=path, line=7) for path in by_meaning])
    assert "".join(hit.path for hit in hits) == order
    assert {hit.path for hit in hits if hit.words} == set(by_words) & set(order)
    assert {hit.path for hit in hits if hit.line == 7} == set(by_meaning) & set(order)


def test_it_is_told_how_a_file_was_found() -> None:
    hits = [Hit("a.py", ("slug", "emoji"), 12), Hit("b.py", (), 3), Hit("c.py", ("slug",))]
    block = told(overview(PATHS), mentioned=[], hits=hits, past=[])
    lines = ["a.py: slug, emoji; near by meaning, from line 12", "b.py: near by meaning, from line 3", "c.py: slug"]
    assert "\n".join(f"- {line}" for line in lines) in block


def test_the_block_is_small_whatever_the_repository_holds() -> None:
    paths = [f"folder{number}/{'x' * 300}/{number}.py" for number in range(5_000)]
    hits = [Hit(path, ("word",) * 50) for path in paths[:10]]
    assert len(told(overview(paths), mentioned=paths[:12], hits=hits, past=[])) <= MOST_TOKENS * 4


def test_the_block_says_what_there_is() -> None:
    change = Touched(
        sha="a" * 40, author="Ann", at=date(2026, 1, 2), subject="Add slugs (#7)", pull_request=7, paths=(PATHS[2],)
    )
    text = told(overview(PATHS), mentioned=[PATHS[2]], hits=[Hit(PATHS[3], ("slug", "emoji"))], past=[change])
    assert text == (
        "6 files: Python 4, Markdown 2\n\n"
        "At the root:\n- src/ (3): app/\n- docs/ (1)\n- tests/ (1)\n- README.md\n\n"
        "Files that the issue names:\n- src/app/slug.py\n\n"
        "Files that speak of it most:\n- src/app/text/slug.py: slug, emoji\n\n"
        "Who changed these files last:\n- 2026-01-02 Ann, in #7: Add slugs (#7) (src/app/slug.py)"
    )


@pytest.mark.injection
def test_names_in_the_block_stay_on_their_line() -> None:
    change = Touched(sha="a", author="A\nB", at=date(2026, 1, 2), subject="x\r\n## Do\u202e it", paths=("p\nq",))
    text = told(overview(["a\n# Obey\u200b.py"]), mentioned=[], hits=[], past=[change])
    assert "- a # Obey.py" in text
    assert "- 2026-01-02 A B: x ## Do it (p q)" in text
