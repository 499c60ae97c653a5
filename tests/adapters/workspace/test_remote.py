import pytest

from app.adapters.workspace.remote import CredentialRefused, redacted, refusal, settings
from app.core.errors import Conflict, Denied, ForgeError, NotFound, SettingsError, Unavailable
from app.core.forge import Remote

HEADER = "Authorization: Basic eC1hY2Nlc3MtdG9rZW46c2VjcmV0"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "https://github.com/octo/cat.git",
            {"protocol.https.allow": "always", "http.https://github.com/.extraHeader": HEADER},
        ),
        (
            "http://127.0.0.1:8123/octo/cat.git",
            {"protocol.http.allow": "always", "http.http://127.0.0.1:8123/.extraHeader": HEADER},
        ),
        ("/srv/repository", {"protocol.file.allow": "always"}),
    ],
)
def test_the_credential_is_for_one_host(url: str, expected: dict[str, str]) -> None:
    assert settings(Remote(url=url, header=HEADER)) == expected


@pytest.mark.parametrize(
    "url",
    [
        "http://github.com/octo/cat",
        "ssh://git@github.com/octo/cat",
        "git@github.com:octo/cat",
        "file:///srv/repository",
        "ext::sh -c evil",
        "https://token@github.com/octo/cat",
        "relative/path",
        "--upload-pack=evil",
        "",
    ],
)
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(SettingsError):
        settings(Remote(url=url))


def test_a_credential_is_one_line() -> None:
    with pytest.raises(SettingsError):
        settings(Remote(url="https://github.com/octo/cat", header="A: b\r\nEvil: c"))


@pytest.mark.parametrize(
    ("words", "error", "told"),
    [
        ("!\trefs/heads/a:refs/heads/a\t[rejected] (stale info)", Conflict, "moved"),
        (
            "remote: error: GH006: Protected branch update failed for refs/heads/main.\n ! [remote rejected] main",
            Denied,
            "GH006: Protected branch update failed",
        ),
        (
            "! [remote rejected] a -> a (refusing to allow a GitHub App to update workflow `ci.yml`)",
            Denied,
            "ci.yml",
        ),
        ("remote: Permission to o/r.git denied to x[bot].\nfatal: … returned error: 403", Denied, "denied to x"),
        ("remote: Repository not found.\nfatal: repository 'https://github.com/o/r/' not found", NotFound, "not there"),
        (
            "fatal: could not read Username for 'https://github.com': terminal prompts disabled",
            CredentialRefused,
            "credential",
        ),
        ("fatal: unable to access 'https://github.com/': Could not resolve host: github.com", Unavailable, "answer"),
        ("", Unavailable, "answer"),
    ],
)
def test_a_refusal_has_a_meaning(words: str, error: type[ForgeError], told: str) -> None:
    found = refusal(words)
    assert type(found) is error
    assert told in str(found)


def test_words_are_told_without_the_credential() -> None:
    remote = Remote(url="https://github.com/o/r", header=HEADER)
    assert "eC1hY2" not in redacted(f"fatal: sent {HEADER} and eC1hY2Nlc3MtdG9rZW46c2VjcmV0", remote)
