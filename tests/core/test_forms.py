import pytest

from app.core.forms import Field, answered, fields

FORM = (
    "### What happens\n\nIt **crashes**.\n\n```shell\n### no heading\n$ run\n```\n\n"
    "### Steps to reproduce\r\n\r\n1. Run it\n\n#### More\n\nsee there\n\n### Where in the code\n\n_No response_"
)


def test_what_was_filled_in_is_read_by_its_headings() -> None:
    assert fields(FORM) == (
        Field(label="What happens", value="It **crashes**.\n\n```shell\n### no heading\n$ run\n```"),
        Field(label="Steps to reproduce", value="1. Run it\n\n#### More\n\nsee there"),
    )


def test_what_nobody_filled_in_is_left_out() -> None:
    assert "_No response_" not in answered(FORM)
    assert "### Where" not in answered(FORM)
    assert answered(FORM).startswith("### What happens\n\nIt **crashes**.")


@pytest.mark.parametrize(
    "body", ["", "It crashes.", "Hello\n\n### Steps\n\nRun it", "###nothing", "### ", "```\n### x\n```"]
)
def test_another_text_is_no_form(body: str) -> None:
    assert fields(body) == ()
    assert answered(body) == body
