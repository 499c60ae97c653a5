# ruff: noqa: E501 - a text is a line
"""Which part of a change log tells of the versions between two."""

import pytest

from app.core.changelog import between

KEEP = "# Changelog\n\n## Unreleased\n- x\n\n## [2.1.0] - 2026-01-02\n- c\n\n## [2.0.0](https://x/y) (2025-01-02)\n- b\n\n## 1.9\n- a\n"
PALLETS = "Version 2.1.0\n-------------\n\nReleased 2022-02-17\n\n-   Drop it.\n\n\nVersion 2.0.1\n-------------\n\nReleased 2021-05-18\n\n- Old.\n"
PLAIN = "2.1.0 / 2026-01-02\n==================\n\n  * c\n\nv2.0.0\n\n  * b, since 1.5 of it\n\nrequests 1.9.0 (2020-01-01)\n+++++++++\n\n* a\n"


@pytest.mark.parametrize(
    ("text", "before", "after", "holds", "lacks"),
    [
        (KEEP, "1.9", "2.1.0", ["- c", "- b"], ["- a", "- x"]),
        (KEEP, "1.9.0", "2.0.0", ["- b"], ["- c", "- a"]),
        (KEEP, "", "2.0.0", ["- b"], ["- c", "- a"]),
        (KEEP, "2.1.0", "2.2.0", [], ["-"]),
        (PALLETS, "2.0.1", "2.1.2", ["Released 2022-02-17", "Drop it."], ["Old."]),
        (PLAIN, "1.9.0", "2.1.0", ["* c", "* b, since 1.5 of it"], ["* a"]),
        (PLAIN.replace("\n", "\r\n"), "1.9.0", "2.1.0", ["* c", "* b"], ["* a"]),
        ("No versions here.", "1", "2", [], ["No"]),
        (KEEP, "1.9", "main", [], ["-"]),
        ("## 2.0.0-rc.1\n- rc\n## 2.0.0\n- final\n", "1.0", "2.0.0", ["- rc", "- final"], []),
    ],
)
def test_sections_between_two_versions(text: str, before: str, after: str, holds: list[str], lacks: list[str]) -> None:
    found = between(text, before, after)
    assert all(words in found for words in holds), found
    assert not any(words in found for words in lacks), found


def test_a_long_text_takes_no_longer_than_it_is() -> None:
    assert between("# " * 200_000, "1", "2") == ""
    assert between("1.0" * 100_000 + "\n" + "## 2.0\nx\n" * 10_000, "1", "2").startswith("## 2.0\nx")
