import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.redaction import Redactor
from app.core.secret_patterns import SECRET_PATTERNS, is_invented

TAIL = "a8Kd03jfLw9qPz72mXcVb5Rt1YhN6GsEu4QoIx"
KEY = "-----BEGIN RSA PRIVATE KEY-----\n" + "MIIEow1BAAkCAQEAq7BFUpkGp3+LQmlQ\n" * 9 + "-----END RSA PRIVATE KEY-----"
LOOKS = [
    (f"ghs_{TAIL}", "github-token"),
    (f"ghs_123456_eyJhbGciOi.eyJpc3M-_{TAIL * 12}", "github-token"),
    (f"ghp_{TAIL}", "github-token"),
    (f"github_pat_11ABC_{TAIL}", "github-token"),
    (f"sk-ant-api03-{TAIL}", "anthropic-key"),
    (f"sk-proj-{TAIL}", "openai-key"),
    ("AKIA" + "Q3EGVZ7JH2KXW5TD", "aws-key"),
    (f"aws_secret_access_key = {TAIL}/+", "aws-secret"),
    (f"AIza{TAIL[:35]}", "google-key"),
    (f"xoxb-123456789012-{TAIL}", "slack-token"),
    (f"npm_{TAIL}", "npm-token"),
    (f"glpat-{TAIL}", "gitlab-token"),
    (f"hf_{TAIL}", "huggingface-token"),
    (f"eyJhbGciOiJ9abc.eyJpc3MiOiJ9abc.{TAIL}", "jwt"),
    ("postgres://app:hunter2Zq9@db.internal/prod", "password-in-url"),
    (KEY, "private-key"),
]


@pytest.mark.faults
@pytest.mark.parametrize(("secret", "name"), LOOKS)
def test_f28_f60_what_looks_like_a_secret_is_taken_out(secret: str, name: str) -> None:
    text = Redactor().redact(f"before {secret} after")
    assert text.startswith(f"before [redacted:{name}]")
    assert secret[-12:] not in text


@pytest.mark.parametrize(("secret", "name"), LOOKS)
def test_a_secret_is_no_invention(secret: str, name: str) -> None:
    matches = [pattern.regex.search(secret) for pattern in SECRET_PATTERNS if pattern.name == name]
    assert [match for match in matches if match and not is_invented(match[0])]


@pytest.mark.parametrize(
    "invented",
    [
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_" + "x" * 36,
        "ghs_" + "0" * 40,
        "sk-your-key-goes-here-please",
        "postgres://user:password@db.example.org/app",
        "postgresql://postgres:postgres@localhost:5432/test",
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----",
    ],
)
def test_stand_ins_are_known(invented: str) -> None:
    assert is_invented(invented)


@pytest.mark.parametrize(
    "text", ["a sentence", "sk-learn and risk-taking", "d41d8cd98f00b204e9800998ecf8427e", "https://host/a:b@c", "xoxo"]
)
def test_ordinary_text_stays(text: str) -> None:
    assert Redactor(["a-real-secret"]).redact(text) == text


SECRETS = st.text(st.characters(codec="ascii", exclude_categories=["C"]), min_size=12, max_size=80).map(str.strip)


@given(SECRETS.filter(lambda secret: len(secret) >= 12), st.text(), st.binary(max_size=9))
def test_no_form_of_an_exact_secret_stays(secret: str, around: str, before: bytes) -> None:
    redactor = Redactor([secret])
    code = base64.b64encode(before + secret.encode() + b"!").decode()
    text = redactor.redact(f"{around}{secret}\n{quote(secret, safe='')}\n{json.dumps(secret)}\n{code}")
    for form in (secret, quote(secret, safe=""), json.dumps(secret)[1:-1], code):
        assert form not in text.replace("[redacted:secret]", "\0")


@given(st.lists(SECRETS), st.text())
def test_redacting_twice_is_redacting_once(secrets: list[str], text: str) -> None:
    redactor = Redactor([secret for secret in secrets if secret not in "[redacted:secret]"])
    once = redactor.redact(text + "".join(secrets))
    assert redactor.redact(once) == once


def test_a_secret_within_a_longer_one_does_not_leave_its_rest() -> None:
    assert Redactor(["abcdefgh", "abcdefghijkl"]).redact("abcdefghijkl") == "[redacted:secret]"


def test_each_line_of_a_key_counts() -> None:
    assert "MIIEow" not in Redactor([KEY]).redact("MIIEow1BAAkCAQEAq7BFUpkGp3+LQmlQ")


def test_its_repr_tells_nothing() -> None:
    assert "hunter22" not in repr(Redactor(["hunter22hunter22"]))
