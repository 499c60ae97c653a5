import pytest

from app.core.commented_json import parse


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1}', {"a": 1}),
        ('// first\n{"a": 1, // last\n}', {"a": 1}),
        ('{/* one\ntwo */"a": [1, 2, ], }', {"a": [1, 2]}),
        (r'{"a": "no // comment, }", "b": "\" /* neither */"}', {"a": "no // comment, }", "b": '" /* neither */'}),
    ],
)
def test_comments_and_trailing_commas_are_passed_over(text: str, value: object) -> None:
    assert parse(text) == value


@pytest.mark.parametrize("text", ["", "{", '{"a": ', '"/*', "/*", "/" * 60_000, "/*" * 30_000, ',"' * 30_000])
def test_what_is_no_json_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        parse(text)
