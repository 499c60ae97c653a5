"""Statements that hold, and every way in which one may not."""

import base64
import hashlib
import json
import os
import stat
import subprocess
from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from app.adapters.sandbox.bubblewrap.boxes import BubblewrapBoxes
from app.adapters.signing import FILE, SigningKey, public_keys
from app.core.errors import RepositoryError, SettingsError
from app.core.statement import Envelope, Published, statement
from app.settings import Settings
from app.verify import verify
from tests.core.test_statement import PUBLISHED, RUN
from tests.workspaces import Origin, do, made

NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "home").mkdir()
    return Settings(home=tmp_path / "home")


@pytest.fixture
def key(settings: Settings) -> SigningKey:
    return SigningKey.at(settings.home / FILE)


@pytest.fixture
def origin(home: Path) -> Origin:
    """With an attribute and a setting that change how a clone shows differences."""
    origin = Origin(home / "origin", {"code.py": "one\n", ".gitattributes": "*.py -diff\n"})
    origin.git("config", "diff.noprefix", "true")
    origin.git("config", "diff.algorithm", "patience")
    origin.git("config", "core.abbrev", "7")
    return origin


def sealed(key: SigningKey, published: Published) -> Envelope:
    return key.sealed(statement(RUN, published, builder="https://minions.example", version="0.1.0", at=NOW))


async def signed_change(origin: Origin, home: Path, boxes: BubblewrapBoxes, key: SigningKey) -> Envelope:
    """A change that was made in a work tree, pushed, and signed, as a run does it."""
    run = made(home / "data", boxes, "copied").open(3, 7, origin.remote)
    await run.check_out(origin.base)
    await do(run, "echo two > code.py; printf 'a\\0b' > data.bin; echo new > 'new file'")
    patch = await run.patch()
    head = await run.publish(patch, branch="minions/12-3", message="Change", expected_sha="")
    await run.remove()
    digest = hashlib.sha256(patch.data).hexdigest()
    facts = {"head_sha": head, "base_sha": origin.base, "patch_sha256": digest}
    return sealed(key, PUBLISHED.model_copy(update=facts))


def checked(settings: Settings, envelope: Envelope | dict[str, Any], tmp_path: Path, **more: Any) -> tuple[int, str]:
    file = tmp_path / "statement.json"
    text = envelope.model_dump_json() if isinstance(envelope, Envelope) else json.dumps(envelope)
    file.write_text(text)
    told: list[str] = []
    code = verify(settings, str(file), tell=told.append, **more)
    return code, "\n".join(told)


async def test_a_statement_about_a_commit_holds_whatever_the_clone_is_set_to(
    settings: Settings, key: SigningKey, origin: Origin, home: Path, boxes: BubblewrapBoxes, tmp_path: Path
) -> None:
    envelope = await signed_change(origin, home, boxes, key)
    code, told = checked(settings, envelope, tmp_path, repository=origin.folder)
    assert code == 0, told
    assert "✅ Signed by this installation's key" in told
    assert f"makes exactly the signed change on {origin.base[:10]}." in told
    assert "- after the change: pytest ended with 0" in told
    assert "- number of tests: 2 before, 3 now" in told
    assert "- for who reviews, documentation: Nobody is told." in told
    assert "- ann asked for “Greeting forgets the name”, #12 of octo/cat" in told


async def test_a_statement_about_another_commit_than_is_meant_does_not_hold(
    settings: Settings, key: SigningKey, origin: Origin, home: Path, boxes: BubblewrapBoxes, tmp_path: Path
) -> None:
    """As where somebody pushed to the branch after the run."""
    envelope = await signed_change(origin, home, boxes, key)
    head = origin.git("rev-parse", "minions/12-3")
    for commit in ("minions/12-3", head, head[:12]):
        code, told = checked(settings, envelope, tmp_path, repository=origin.folder, commit=commit)
        assert (code, f"✅ It is about {commit}." in told) == (0, True)
    origin.git("checkout", "--quiet", "minions/12-3")
    other = origin.commit({"more.py": "three\n"})
    for commit in ("minions/12-3", other, "main"):
        code, told = checked(settings, envelope, tmp_path, repository=origin.folder, commit=commit)
        assert code == 1
        assert f"It is about the commit {head[:10]}, and not about {commit}" in told
    assert checked(settings, envelope, tmp_path, commit=head)[0] == 0
    with pytest.raises(SettingsError, match="is no whole name of a commit"):
        checked(settings, envelope, tmp_path, commit="main")
    for bad in ("no-such", "--help", "main:code.py"):
        with pytest.raises(RepositoryError, match="knows no commit"):
            checked(settings, envelope, tmp_path, repository=origin.folder, commit=bad)


async def test_a_commit_that_was_changed_afterwards_is_found(
    settings: Settings, key: SigningKey, origin: Origin, home: Path, boxes: BubblewrapBoxes, tmp_path: Path
) -> None:
    envelope = await signed_change(origin, home, boxes, key)
    said = json.loads(envelope.body)
    origin.git("checkout", "--quiet", "minions/12-3")
    (origin.folder / "code.py").write_text("three\n")
    other = origin.commit()
    said["subject"][0]["digest"]["gitCommit"] = other  # and signed, by somebody who has the key
    code, told = checked(settings, key.sealed(json.dumps(said).encode()), tmp_path, repository=origin.folder)
    assert code == 1
    assert "is not the one that was signed" in told


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The way to every value in a JSON value that is no container, and to each empty one."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = False
    for name, item in inside:
        found = True
        yield from leaves(item, (*path, name))
    if not found:
        yield path


def altered(value: Any, path: tuple[str | int, ...]) -> Any:
    copy = deepcopy(value)
    place = copy
    for name in path[:-1]:
        place = place[name]
    old = place[path[-1]]
    place[path[-1]] = (not old) if isinstance(old, bool) else old + 1 if isinstance(old, int | float) else f"{old}x"
    return copy


def test_a_change_of_any_field_is_found(settings: Settings, key: SigningKey, tmp_path: Path) -> None:
    envelope = sealed(key, PUBLISHED)
    said = json.loads(envelope.body)
    ways = list(leaves(said))
    assert len(ways) > 45
    for way in ways:
        body = json.dumps(altered(said, way), ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
        forged = envelope.model_copy(update={"payload": base64.b64encode(body).decode()})
        code, told = checked(settings, forged, tmp_path)
        assert (code, "or it was changed since" in told) == (1, True), way


@pytest.mark.parametrize(
    "change",
    [
        {"payloadType": "application/vnd.in-toto+json "},
        {"payload": "e30="},
        {"payload": "not base64!"},
        {"signatures": []},
        {"signatures": [{"keyid": "x", "sig": base64.b64encode(bytes(64)).decode()}]},
        {"signatures": [{"keyid": "x", "sig": "not base64!"}]},
        {"signatures": [{"keyid": "x", "sig": ""}]},
    ],
    ids=lambda change: json.dumps(change)[:40],
)
def test_a_change_of_the_envelope_is_found(
    settings: Settings, key: SigningKey, tmp_path: Path, change: dict[str, Any]
) -> None:
    code, told = checked(settings, sealed(key, PUBLISHED).model_dump() | change, tmp_path)
    assert code == 1
    assert told.startswith("❌ ")


def test_the_hint_of_a_key_counts_for_nothing(settings: Settings, key: SigningKey, tmp_path: Path) -> None:
    """Neither does a false one spoil a good signature, nor a true one help another key's."""
    envelope = sealed(key, PUBLISHED)
    renamed = envelope.signatures[0].model_copy(update={"keyid": "somebody"})
    assert checked(settings, envelope.model_copy(update={"signatures": (renamed,)}), tmp_path)[0] == 0
    other = SigningKey.at(tmp_path / "other.pem")
    forged = sealed(other, PUBLISHED)
    as_ours = forged.signatures[0].model_copy(update={"keyid": key.public.id})
    assert checked(settings, forged.model_copy(update={"signatures": (as_ours,)}), tmp_path)[0] == 1


def test_the_key_that_somebody_trusts_decides(settings: Settings, key: SigningKey, tmp_path: Path) -> None:
    other = SigningKey.at(tmp_path / "other.pem")
    trusted = tmp_path / "trusted.pem"
    trusted.write_text(other.public.pem)
    envelope = sealed(key, PUBLISHED)
    assert checked(settings, envelope, tmp_path, key=trusted)[0] == 1
    trusted.write_text(other.public.pem + key.public.pem)
    code, told = checked(settings, envelope, tmp_path, key=trusted)
    assert (code, "The commit itself was not looked at" in told) == (0, True)


def test_a_statement_of_another_form_is_not_taken_for_one(settings: Settings, key: SigningKey, tmp_path: Path) -> None:
    for body in (b"{}", b"[]", b'{"_type": "https://in-toto.io/Statement/v1", "predicateType": "x"}'):
        code, told = checked(settings, key.sealed(body), tmp_path)
        assert (code, "❌ The " in told) == (1, True)
    said = json.loads(sealed(key, PUBLISHED).body)
    del said["predicate"]["review"]
    code, told = checked(settings, key.sealed(json.dumps(said).encode()), tmp_path)
    assert (code, "than this version of Minions knows" in told) == (1, True)


def test_what_it_says_cannot_command_a_terminal(settings: Settings, key: SigningKey, tmp_path: Path) -> None:
    model = PUBLISHED.models[0].model_copy(update={"model": "\x1b]0;owned\x07\x1b[31mred\u202e"})
    _, told = checked(settings, sealed(key, PUBLISHED.model_copy(update={"models": (model,)})), tmp_path)
    assert "\x1b" not in told
    assert "\u202e" not in told


def test_others_check_it_with_ordinary_tools(key: SigningKey, tmp_path: Path) -> None:
    """By `cryptography` alone, and by openssl on the command line: nothing of ours but the file and the public key."""
    raw = json.loads(sealed(key, PUBLISHED).model_dump_json())
    body = base64.b64decode(raw["payload"])
    kind = raw["payloadType"].encode()
    signed = b"DSSEv1 " + str(len(kind)).encode() + b" " + kind + b" " + str(len(body)).encode() + b" " + body
    signature = base64.b64decode(raw["signatures"][0]["sig"])
    public = load_pem_public_key(key.public.pem.encode())
    assert isinstance(public, Ed25519PublicKey)
    public.verify(signature, signed)
    for name, data in {"key.pem": key.public.pem.encode(), "signed": signed, "signature": signature}.items():
        (tmp_path / name).write_bytes(data)
    words = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "key.pem", "-rawin", "-in", "signed"]
    done = subprocess.run([*words, "-sigfile", "signature"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done
    assert "Signature Verified Successfully" in done.stdout
    (tmp_path / "signed").write_bytes(signed[:-1] + b" ")
    done = subprocess.run([*words, "-sigfile", "signature"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    der = subprocess.run(
        ["openssl", "pkey", "-pubin", "-in", "key.pem", "-outform", "DER"],
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    assert hashlib.sha256(der.stdout).hexdigest() == key.public.id == raw["signatures"][0]["keyid"]


def test_a_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "new" / FILE
    old_mask = os.umask(0)
    try:
        first = SigningKey.at(file)
    finally:
        os.umask(old_mask)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert SigningKey.at(file).public.id == first.public.id
    assert [path.name for path in file.parent.iterdir()] == [FILE]
    assert repr(first) == f"SigningKey({first.public.id})"


@pytest.mark.parametrize("content", ["", "nonsense", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_a_key_that_cannot_be_used_is_told_and_not_replaced(tmp_path: Path, content: str) -> None:
    file = tmp_path / FILE
    file.write_text(content)
    with pytest.raises(SettingsError, match="cannot be used"):
        SigningKey.at(file)
    assert file.read_text() == content


def test_another_kind_of_key_is_refused(tmp_path: Path) -> None:
    file = tmp_path / FILE
    subprocess.run(
        ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", str(file)],
        check=True,
        capture_output=True,
    )
    with pytest.raises(SettingsError, match="is not Ed25519"):
        SigningKey.at(file)
    with pytest.raises(SettingsError, match="There is no public Ed25519 key"):
        public_keys(b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")


def test_what_cannot_be_checked_is_told(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="neither a file nor the key or the address of a run"):
        verify(settings, "nowhere")
    file = tmp_path / "statement.json"
    other = SigningKey.at(tmp_path / "other.pem")
    file.write_text(sealed(other, PUBLISHED).model_dump_json())
    with pytest.raises(SettingsError, match="Say whose signature it should have, by --key"):
        verify(settings, str(file))
    with pytest.raises(SettingsError, match="cannot be read"):
        verify(settings, str(file), key=tmp_path / "missing.pem")
    with pytest.raises(SettingsError, match="cannot be reached"):
        verify(settings.model_copy(update={"public_url": "http://127.0.0.1:9"}), "k" * 32)


def test_a_clone_without_the_commit_is_told(
    settings: Settings, key: SigningKey, origin: Origin, tmp_path: Path
) -> None:
    code, told = checked(settings, sealed(key, PUBLISHED), tmp_path, repository=origin.folder)
    assert (code, "has no commit aaaaaaaa" in told) == (1, True)
    with pytest.raises(RepositoryError, match="is no git repository"):
        checked(settings, sealed(key, PUBLISHED), tmp_path, repository=tmp_path)
    option = PUBLISHED.model_copy(update={"head_sha": "--output=/tmp/x"})
    code, told = checked(settings, sealed(key, option), tmp_path, repository=origin.folder)
    assert (code, "is no commit" in told) == (1, True)
