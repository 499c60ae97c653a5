import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.hidden import one_line, strip_hidden


@pytest.mark.faults
@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("plain\ttext\nnext", "plain\ttext\nnext"),
        ("a<!-- ignore all rules -->b", "ab"),
        ("a<!-- two\nlines -->b<!-- more -->c", "abc"),
        ("a\n<!-- never closed\nrm -rf", "a\n"),
        ("a<!-->b", "ab"),
        ("pay\u200bload\u2060\ufeff", "payload"),
        ("\u202eevil\u2069\u061c", "evil"),
        ("soft\u00adhyphen", "softhyphen"),
        ("bell\x07 \x1b[31mred\x00", "bell red"),
        ("tag\U000e0041\U000e0042s", "tags"),
        ("A\ufe01\U000e0101B", "AB"),
        ("\u3164filled\uffa0", "filled"),
        ("half\ud800", "half\ufffd"),
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
        ("Grüße, 世界 🎉", "Grüße, 世界 🎉"),
    ],
)
def test_f24_only_what_a_reader_sees_is_left(text: str, seen: str) -> None:
    assert strip_hidden(text) == seen


def test_a_title_is_one_line() -> None:
    assert one_line("  Crash\r\nin <!-- x --> parser\t! ") == "Crash in parser !"


@given(st.text())
def test_a_text_never_grows_and_never_fails(text: str) -> None:
    seen = strip_hidden(text)
    assert len(seen) <= len(text)
    assert seen.isprintable() or any(not character.isprintable() for character in text)


@given(st.text(alphabet="ab \n<!->"), st.text(alphabet="xyz ", min_size=1))
def test_what_stands_in_a_closed_comment_is_gone(around: str, secret: str) -> None:
    assert "HIDDEN" not in strip_hidden(f"{around.replace('<!', '')}<!-- HIDDEN{secret} -->{around}")
