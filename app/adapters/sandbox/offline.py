"""A command of the work phase that failed because it wanted to install something: it is told so, in one sentence.

The table is what tools print where there is no network; a test compares it with the tools themselves.
"""

import re
from typing import Final

SENTENCE: Final = (
    "There is no network here: packages are installed before the work begins, by `setup` in .github/minion.yml."
)
_TAIL: Final = 16_000
"""Characters that are looked at: tools say last why they stopped."""
_SIGNS: Final = (
    r"Temporary failure in name resolution",  # glibc: pip, python, ssh
    r"Could not resolve (host|hostname|proxy)",  # curl, git
    r"[Tt]emporary failure resolving '",  # apt
    r"Name or service not known",
    r"nodename nor servname provided",
    r"/var/lib/(apt/lists/partial|dpkg/lock-frontend)",  # apt, which a box has no place for
    r"unable to resolve host address",  # wget
    r"Failed to (resolve|establish a new connection)",  # urllib3
    r"No matching distribution found for",  # pip
    r"[Nn]etwork (connectivity is|was) disabled",  # uv
    r"ENOTCACHED|EAI_AGAIN|ENOTFOUND|ERR_PNPM_(META_FETCH_FAIL|NO_OFFLINE)",  # npm, yarn, pnpm
    r"in your offline mirror|--offline was specified|in package mirror",  # yarn, cargo, pnpm
    r"dns error|spurious network error|can't be updated because of offline|you're using offline mode",  # cargo
    r"module lookup disabled by GOPROXY=off|dial tcp: lookup ",  # go
    r"Network is unreachable",
)


def wanted_network(exit_code: int, output: str) -> bool:
    """Whether a command failed for want of a network, as far as its output tells."""
    return exit_code != 0 and any(re.search(sign, output[-_TAIL:]) for sign in _SIGNS)


def explained(exit_code: int, output: str) -> str:
    """The output, with the sentence as its last line where it fits."""
    if not wanted_network(exit_code, output):
        return output
    return f"{output.rstrip(chr(10))}\n{SENTENCE}\n"
