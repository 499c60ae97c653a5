"""Addresses, credentials, and what a refusal of the other side means."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlsplit

from app.core.errors import Conflict, Denied, ForgeError, NotFound, RepositoryError, SettingsError, Unavailable
from app.core.forge import Remote

T = TypeVar("T")

LOOPBACK: Final = {"127.0.0.1", "localhost", "::1"}
SHA: Final = re.compile(r"[0-9a-f]{40}")
BRANCH: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./#+-]{0,199}")
"""Narrower than git's own rule: nothing that a shell, a URL or an option parser might take for its own."""


class CredentialRefused(Unavailable):
    """401: the token is so new that not every server of GitHub's knows it, or it has just expired. Another will do."""


def settings(remote: Remote) -> dict[str, str]:
    """Git settings for talking to `remote` and to nobody else: its protocol, and its credential for its host only.

    Raises SettingsError if the address cannot be used safely.
    """
    if Path(remote.url).is_absolute():
        return {"protocol.file.allow": "always"}
    address = urlsplit(remote.url)
    if address.scheme != "https" and not (address.scheme == "http" and address.hostname in LOOPBACK):
        raise SettingsError("A repository's address must begin with https:// (or be a folder of this machine)")
    if address.username or address.password:
        raise SettingsError("A repository's address must not hold a credential")
    allowed = {f"protocol.{address.scheme}.allow": "always"}
    if not remote.header:
        return allowed
    if "\n" in remote.header or "\r" in remote.header:
        raise SettingsError("The credential for git holds a line break")
    return allowed | {f"http.{address.scheme}://{address.netloc}/.extraHeader": remote.header}


def environment(remote: Remote, local_config: Path) -> dict[str, str]:
    """For a repository of this machine that may belong to somebody else: its operator named it, so it is trusted.

    A setting would not do: git does not hand settings on to the process that serves the other side of a local path.
    """
    return {"GIT_CONFIG_GLOBAL": str(local_config)} if Path(remote.url).is_absolute() else {}


def check_sha(sha: str) -> None:
    """Raises RepositoryError unless `sha` is the whole name of a commit."""
    if not SHA.fullmatch(sha):
        raise RepositoryError(f"{sha[:80]!r} is not the full name of a commit (40 hexadecimal digits)")


def check_branch(branch: str) -> None:
    """Raises RepositoryError unless this name is safe everywhere."""
    wrong = (
        not BRANCH.fullmatch(branch)
        or any(part in branch for part in ("..", "//", "/.", "@{"))
        or branch.endswith(("/", "."))
        or any(part.endswith(".lock") for part in branch.split("/"))
    )
    if wrong:
        raise RepositoryError(f"{branch[:80]!r} cannot be the name of a branch")


MEANINGS: Final[tuple[tuple[str, type[ForgeError], str], ...]] = (
    (r"stale info|fetch first|non-fast-forward|cannot lock ref", Conflict, "Somebody else moved the branch meanwhile"),
    (r"refusing to allow .* workflow", Denied, "GitHub refused a change of workflow files"),
    (r"GH006|GH013|protected branch|rule violations|pre-receive hook declined", Denied, "A rule refused the push"),
    (r"\[remote rejected\]", Denied, "The remote repository refused the push"),
    (r"error: 403|not granted|Permission to .* denied", Denied, "The installation may not do this in the repository"),
    (
        r"error: 401|Authentication failed|could not read Username|terminal prompts",
        CredentialRefused,
        "The credential was refused",
    ),
    (r"not our ref|unadvertised object", NotFound, "The commit is not there"),
    (r"not found|error: 404|does not appear to be a git|does not exist", NotFound, "The repository is not there"),
)
"""Git's and GitHub's words, by regular expression; the first that is found counts."""


PAUSES_S: Final = (0.5, 2.0)
"""Between three tries of what does no harm when it is done again: most trouble of a remote is over in a moment."""


async def patiently(act: Callable[[], Awaitable[T]]) -> T:
    """Do it, up to three times where the remote did not answer. Raises what the last try raised; all else at once."""
    for pause_s in PAUSES_S:
        try:
            return await act()
        except Unavailable:
            await asyncio.sleep(pause_s)
    return await act()


def refusal(words: str) -> ForgeError:
    """The error that the (redacted) words of a failed fetch or push mean; Unavailable where they are not known."""
    own = " ".join(line.partition("remote:")[2].strip() for line in words.splitlines() if line.startswith("remote:"))
    rejected = " ".join(line.strip() for line in words.splitlines() if "rejected]" in line)
    sentence = (own.strip() or rejected)[:500]
    for pattern, error, meaning in MEANINGS:
        if re.search(pattern, words, re.IGNORECASE):
            return error(f"{meaning}: {sentence}" if sentence else meaning, detail=words[-2000:])
    return Unavailable("The remote repository did not answer as expected", detail=words[-2000:])


def redacted(text: str, remote: Remote) -> str:
    """`text` without the credential, should git ever repeat it."""
    for secret in (remote.header, remote.header.rpartition(" ")[2]):
        if secret:
            text = text.replace(secret, "[credential]")
    return text
