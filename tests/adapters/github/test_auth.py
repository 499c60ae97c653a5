import email.utils
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from app.adapters.github.auth import AppAuth, KeyFile, KeyText
from app.core.errors import SettingsError

NOW = 1_795_255_200.0


def claims(word: str, public_pem: str) -> dict[str, object]:
    options = {"verify_exp": False, "verify_iat": False}
    decoded: dict[str, object] = jwt.decode(word, public_pem, algorithms=["RS256"], options=options)  # type: ignore[arg-type]
    return decoded


def test_a_word_is_short_dated_back_and_signed(pem: str, public_pem: str) -> None:
    word = AppAuth("42", KeyText(pem), clock=lambda: NOW).word()
    assert claims(word, public_pem) == {"iat": NOW - 60, "exp": NOW + 540, "iss": "42"}


def test_a_client_id_is_as_good(pem: str, public_pem: str) -> None:
    assert claims(AppAuth("Iv23li", KeyText(pem)).word(), public_pem)["iss"] == "Iv23li"


@pytest.mark.faults
@pytest.mark.parametrize("ahead_s", [300, -300])
def test_f27_the_clock_is_corrected_by_githubs(pem: str, public_pem: str, ahead_s: int) -> None:
    auth = AppAuth("42", KeyText(pem), clock=lambda: NOW)
    assert auth.observe(email.utils.formatdate(NOW + ahead_s, usegmt=True))
    assert auth.skew_s == ahead_s
    assert claims(auth.word(), public_pem)["iat"] == NOW + ahead_s - 60
    assert not auth.observe(email.utils.formatdate(NOW + ahead_s, usegmt=True)), "corrected once is enough"
    assert auth.observe(email.utils.formatdate(NOW, usegmt=True))
    assert auth.skew_s == 0


@pytest.mark.parametrize("date", ["", "yesterday", email.utils.formatdate(NOW + 20, usegmt=True)])
def test_a_small_or_unknown_difference_changes_nothing(pem: str, date: str) -> None:
    auth = AppAuth("42", KeyText(pem), clock=lambda: NOW)
    assert not auth.observe(date)
    assert auth.skew_s == 0


@pytest.mark.faults
def test_f33_a_new_key_in_the_file_needs_no_restart(tmp_path: Path, pem: str, other_pem: str, public_pem: str) -> None:
    path = tmp_path / "key.pem"
    path.write_text(pem)
    seen: list[str] = []
    auth = AppAuth("42", KeyFile(path, on_secret=seen.append))
    claims(auth.word(), public_pem)
    auth.word()
    new = tmp_path / "new.pem"
    new.write_text(other_pem)
    new.replace(path)
    with pytest.raises(jwt.InvalidSignatureError):
        claims(auth.word(), public_pem)
    assert seen == [pem, other_pem]


def test_line_ends_may_be_written_as_backslash_n(pem: str, public_pem: str) -> None:
    claims(AppAuth("42", KeyText(pem.replace("\n", "\\n"))).word(), public_pem)


def test_what_is_no_key_is_told_and_not_shown(tmp_path: Path, pem: str) -> None:
    broken = pem.replace("PRIVATE", "PRIVAT")
    with pytest.raises(SettingsError, match="MINIONS_PRIVATE_KEY") as caught:
        KeyText(broken)
    assert broken[100:140] not in f"{caught.value}{caught.value.detail}"
    path = tmp_path / "key.pem"
    with pytest.raises(SettingsError, match="cannot be read"):
        KeyFile(path).read()
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="cannot be read"):
        KeyFile(path).read()


def test_a_key_of_another_kind_is_refused() -> None:
    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(SettingsError, match="no RSA key"):
        KeyText(key.decode())


def test_its_repr_tells_no_secret(pem: str) -> None:
    assert repr(AppAuth("42", KeyText(pem))) == "AppAuth(42)"
