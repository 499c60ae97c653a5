import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.adapters.github.signature import is_genuine

SECRET = "It's a Secret to Everybody"
BODY = b"Hello, World!"
SIGNED = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
SHA1 = "sha1=" + hmac.new(SECRET.encode(), BODY, hashlib.sha1).hexdigest()


def test_githubs_published_example_is_genuine() -> None:
    assert is_genuine(BODY, SIGNED, [SECRET])


def test_either_secret_counts_while_one_is_rotated_out() -> None:
    assert is_genuine(BODY, SIGNED, ["new", SECRET])
    assert is_genuine(BODY, SIGNED, [SECRET, "new"])


@pytest.mark.faults
@pytest.mark.parametrize(
    "header",
    [None, "", "sha256=", "sha256", SIGNED[7:], SIGNED.upper(), SIGNED[:-1], SIGNED + "0", SHA1, "sha256=ü\udcff☃"],
)
def test_f1_a_wrong_signature_is_refused_and_fails_nothing(header: str | None) -> None:
    assert not is_genuine(BODY, header, [SECRET])


def test_without_a_secret_nothing_is_genuine() -> None:
    empty = "sha256=" + hmac.new(b"", BODY, hashlib.sha256).hexdigest()
    assert not is_genuine(BODY, empty, [""])
    assert not is_genuine(BODY, SIGNED, [])


@pytest.mark.faults
@given(st.binary(min_size=1), st.data())
def test_f2_one_changed_byte_is_seen(body: bytes, data: st.DataObject) -> None:
    header = "sha256=" + hmac.new(b"secret", body, hashlib.sha256).hexdigest()
    at = data.draw(st.integers(0, len(body) - 1))
    changed = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
    assert is_genuine(body, header, ["secret"])
    assert not is_genuine(changed, header, ["secret"])
