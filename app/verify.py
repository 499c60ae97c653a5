"""`minions verify`: check what was signed about a commit, believing neither the file nor a clone's own settings."""

import hashlib
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import httpx

from app.adapters.signing import FILE, PublicKey, SigningKey, public_keys
from app.core.errors import RepositoryError, SettingsError
from app.core.plain import plain
from app.core.statement import Envelope, Unreadable, base_of, digest_of, envelope, read
from app.core.visible import visible
from app.core.wording.figures import counted, dollars
from app.settings import Settings
from app.web.pages import KEYS_PATH

_TIMEOUT_S: Final = 15.0
_GIT_S: Final = 120.0
"""For one diff; guards let no change pass that takes git longer than a second."""
_SHA: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_RUN: Final = re.compile(r"[A-Za-z0-9_-]{20,64}")
"""The key of a run's page."""
_DIFF: Final = ("--binary", "--full-index", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-color")
_PREFIXES: Final = ("--src-prefix=a/", "--dst-prefix=b/")
"""As `adapters/workspace/clean.py` has the patch written that guards look at."""


class _DoesNotHold(Exception):
    """What is wrong, in a sentence."""


def verify(
    settings: Settings,
    what: str,
    *,
    key: Path | None = None,
    repository: Path | None = None,
    commit: str = "",
    tell: Callable[[str], None] = print,
) -> int:
    """Check a statement; answer with the exit code: 0 if all that was looked at holds, else 1.

    `commit` is the one that it has to be about: what stands on a branch now, say, and not what once was pushed to it.
    Raises SettingsError if there is nothing to check, or nothing to check it by.
    """
    sealed, server = _sealed(settings, what)
    keys, whose = _keys(settings, key, server)
    try:
        for line in _checked(sealed, keys, whose, repository, commit):
            tell(visible(str(plain(line))))
    except (_DoesNotHold, Unreadable) as error:
        tell(f"❌ {error}")
        return 1
    return 0


def _checked(
    sealed: Envelope, keys: Sequence[PublicKey], whose: str, repository: Path | None, commit: str
) -> Iterator[str]:
    """A sentence for each thing that holds, then what is said. Raises _DoesNotHold and Unreadable."""
    by = next((one for one in keys if one.signed(sealed)), None)
    if by is None:
        raise _DoesNotHold(f"It is not signed by {whose}, or it was changed since.")
    yield f"✅ Signed by {whose}: {by.id[:16]}…"
    said = read(sealed.body)
    head, base, digest = digest_of(said, "gitCommit"), base_of(said), digest_of(said, "sha256")
    if commit:
        yield f"✅ {_is_about(commit, head, repository)}"
    if repository:
        yield f"✅ {_compared(repository, head, base, digest)}"
    else:
        yield "❔ The commit itself was not looked at; name a clone of it by --repository."
    try:
        story = list(_story(said, head, base))
    except (KeyError, TypeError, AttributeError):
        raise Unreadable("It was signed, but says other things than this version of Minions knows.") from None
    yield "It says:"
    yield from (f"- {line}" for line in story)


def _sealed(settings: Settings, what: str) -> tuple[Envelope, str]:
    """The envelope, and the server that it came from, if it did."""
    file = Path(what)
    if file.is_file():
        return envelope(file.read_bytes()), ""
    if what.startswith(("https://", "http://")):
        address = what.partition("?")[0].removesuffix("/").removesuffix("/statement")
    elif _RUN.fullmatch(what):
        address = f"{settings.page_url}/runs/{what}"
    else:
        raise SettingsError(f"{what!r} is neither a file nor the key or the address of a run.")
    return envelope(_fetched(f"{address}/statement")), address.partition("/runs/")[0]


def _keys(settings: Settings, key: Path | None, server: str) -> tuple[Sequence[PublicKey], str]:
    """The keys that may have signed, and whose they are."""
    if key:
        try:
            return public_keys(key.read_bytes()), f"the key of {key}"
        except OSError as error:
            raise SettingsError(f"{key} cannot be read: {error.strerror}") from None
    if server:
        keys = public_keys(_fetched(f"{server}{KEYS_PATH}"))
        return keys, f"the server that it came from, {server} (to rely on somebody else's word, give --key)"
    own = settings.signing_key_file or settings.home / FILE
    if own.exists():
        return [SigningKey.at(own).public], f"this installation's key, {own}"
    raise SettingsError(f"Say whose signature it should have, by --key. A server shows its public keys at {KEYS_PATH}.")


def _fetched(address: str) -> bytes:
    try:
        answer = httpx.get(address, timeout=_TIMEOUT_S, follow_redirects=False)
    except httpx.HTTPError as error:
        raise SettingsError(f"{address} cannot be reached: {error}") from None
    if answer.status_code != httpx.codes.OK:
        raise SettingsError(f"{address} answers {answer.status_code}.")
    return answer.content


def _is_about(commit: str, head: str, repository: Path | None) -> str:
    """That the statement is about this commit. Raises _DoesNotHold, RepositoryError and SettingsError."""
    sha = commit if _SHA.fullmatch(commit) else ""
    if not sha and repository is None:
        raise SettingsError(f"{commit!r} is no whole name of a commit; name a clone that knows it by --repository.")
    if not sha and repository is not None:
        sha = _named(repository, commit)
    if sha != head:
        raise _DoesNotHold(f"It is about the commit {head[:10]}, and not about {visible(commit[:80])} ({sha[:10]}).")
    return f"It is about {visible(commit[:80])}."


def _named(repository: Path, commit: str) -> str:
    """The commit that a branch, a tag or a beginning of a name stands for in a clone. Raises RepositoryError."""
    words = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{commit}^{{commit}}")
    asked = subprocess.run(
        ["git", "-c", "core.fsmonitor=false", "-C", str(repository), *words],
        check=False,
        capture_output=True,
        text=True,
        timeout=_GIT_S,
    )
    if asked.returncode:
        raise RepositoryError(f"{repository} knows no commit {visible(commit[:80])!r}; fetch it.")
    return asked.stdout.strip()


def _compared(repository: Path, head: str, base: str, digest: str) -> str:
    """That the commit in the clone is the one that was signed. Raises _DoesNotHold and RepositoryError."""
    for sha in (head, base):
        if not _SHA.fullmatch(sha):
            raise Unreadable(f"{sha[:80]!r} is no commit.")
    with tempfile.TemporaryDirectory(prefix="minions-verify-") as folder:
        git = _Git(repository, Path(folder))
        for sha in (head, base):
            if not git.has(sha):
                raise _DoesNotHold(f"{repository} has no commit {sha}; fetch it, or it is another repository.")
        patch = git.patch(base, head)
    if hashlib.sha256(patch).hexdigest() != digest:
        raise _DoesNotHold(f"The change from {base[:10]} to {head[:10]} is not the one that was signed.")
    return f"Commit {head[:10]} makes exactly the signed change on {base[:10]}."


class _Git:
    """Git on the objects of a clone, and on nothing else of it: no settings, no attributes, no hooks."""

    def __init__(self, clone: Path, folder: Path) -> None:
        asked = subprocess.run(
            [
                *("git", "-c", "core.fsmonitor=false", "-C", str(clone)),
                *("rev-parse", "--path-format=absolute", "--git-path", "objects"),
            ],
            check=False,
            capture_output=True,
            text=True,
            timeout=_GIT_S,
        )
        if asked.returncode:
            raise RepositoryError(f"{clone} is no git repository: {asked.stderr.strip()}")
        self._folder = folder / "empty.git"
        self._environment = {
            "PATH": os.defpath,
            "HOME": str(folder),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_ALLOW_PROTOCOL": "none",
            "GIT_NO_LAZY_FETCH": "1",
            "LC_ALL": "C",
        }
        self._run("init", "--quiet", "--bare", "--template=", str(self._folder))
        self._environment["GIT_DIR"] = str(self._folder)
        self._environment["GIT_ALTERNATE_OBJECT_DIRECTORIES"] = asked.stdout.strip()

    def has(self, sha: str) -> bool:
        """Whether the commit is there."""
        return self._run("cat-file", "-e", f"{sha}^{{commit}}").returncode == 0

    def patch(self, base: str, head: str) -> bytes:
        """The change between two commits. Raises RepositoryError."""
        done = self._run("diff-tree", *_DIFF, "-p", "-r", *_PREFIXES, base, head, "--")
        if done.returncode:
            raise RepositoryError(
                f"Git cannot compare {base} with {head}.", detail=done.stderr.decode(errors="replace")
            )
        return done.stdout

    def _run(self, *words: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(["git", *words], check=False, capture_output=True, env=self._environment, timeout=_GIT_S)


def _story(said: Mapping[str, Any], head: str, base: str) -> Iterator[str]:
    """The statement in sentences."""
    predicate = said["predicate"]
    asked = predicate["buildDefinition"]["externalParameters"]
    inner = predicate["buildDefinition"]["internalParameters"]
    change, review = predicate["change"], predicate["review"]
    yield f"{asked['requester']} asked for “{asked['title']}”, #{asked['number']} of {asked['repository']}"
    yield f"run {inner['run']} of the blueprint {inner['blueprint']} published {head} on {base}"
    yield f"it changes {counted(change['files'], 'file')}, +{change['added']} -{change['deleted']}"
    for one in predicate["commands"]:
        yield f"{one['when']}: {one['command']} ended with {'a time-out' if one['timedOut'] else one['exitCode']}"
    yield f"guards that let it pass: {', '.join(predicate['guards']) or 'none'}"
    for gate, figure in predicate.get("figures", {}).items():  # not in statements of older versions
        yield f"{gate}: {figure}"
    for one in predicate.get("remarks", ()):
        yield f"for who reviews, {one['guard']}: {one['sentence']}"
    found = f"{counted(len(review['findings']), 'finding')}, {review['open']} open"
    yield f"review: {found if review['reviewed'] else review['whyNot'] or 'none'}"
    for one in predicate["models"]:
        yield f"{one['role']}: {one['model'] or 'a model'}, {counted(one['turns'], 'turn')}, {dollars(one['usd'])}"
    yield f"it cost {dollars(predicate['cost']['usd'])} so far"
