"""Which issues a pull request closes: GitHub's keywords, in a table."""

import pytest

from app.core.merged import closes


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("Closes #12", (12,)),
        ("fixes: #3 and RESOLVED #4, fix #3", (3, 4)),
        ("Close acme/slugs#7", (7,)),
        ("Close Acme/Slugs#7", (7,)),
        ("Resolves https://github.com/acme/slugs/issues/9", (9,)),
        ("Fixes acme/other#7", ()),
        ("Resolves https://github.com/acme/slugs/pull/9", ()),
        ("See #12, which this encloses #13", ()),
        ("Closes 12, fixes the #12", ()),
        ("<!-- Closes #12 -->", ()),
        ("", ()),
    ],
)
def test_what_a_pull_request_closes(text: str, numbers: tuple[int, ...]) -> None:
    assert closes(text, "acme/slugs") == numbers
