"""What is missing on this machine, and what to do about it."""

import ctypes.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

PACKAGES: Final = {
    "bwrap": "bubblewrap",
    "git": "git",
    "prlimit": "util-linux",
    "setpriv": "util-linux",
    "socat": "socat",
    "bash": "bash",
}
"""Debian's package for each program."""
OLDEST_BWRAP: Final = (0, 8)
"""The first with `--disable-userns`."""


def missing(home: Path) -> list[str]:
    """Sentences on what boxes need and this machine does not have."""
    if sys.platform != "linux":
        return ["Boxes need Linux: they are made of its namespaces."]
    sentences = [
        f"{program} is missing: apt-get install {package}"
        for program, package in PACKAGES.items()
        if not shutil.which(program)
    ]
    if ctypes.util.find_library("seccomp") is None:
        sentences.append("libseccomp is missing: apt-get install libseccomp2")
    if not sentences and (version := bwrap_version()) < OLDEST_BWRAP:
        sentences.append(f"bubblewrap {'.'.join(map(str, version))} is too old: install 0.8 or newer")
    return sentences + closed(home)


def closed(home: Path) -> list[str]:
    """As root, boxes run as other users, who have to pass through every folder above the work trees."""
    if os.geteuid() != 0:
        return []
    shut = [folder for folder in home.resolve().parents if folder.is_dir() and not folder.stat().st_mode & 0o001]
    return [
        f"{folder} is closed to other users, and boxes run as users of their own: choose a data folder elsewhere "
        f"(/var/lib/minions), or run: chmod o+x {folder}"
        for folder in shut
    ]


def bwrap_version() -> tuple[int, ...]:
    """Of the installed bubblewrap; empty if it does not say."""
    said = subprocess.run(["bwrap", "--version"], capture_output=True, text=True, check=False).stdout
    return tuple(int(number) for number in re.findall(r"\d+", said))


def advice(sentence: str) -> str:
    """What to do when every program is there and a box cannot be built all the same."""
    if any(word in sentence for word in ("namespace", "uid map", "Operation not permitted")):
        return (
            f"{sentence}. This kernel or container does not let ordinary users make namespaces. On Ubuntu: "
            f"sysctl kernel.apparmor_restrict_unprivileged_userns=0; on Debian: sysctl "
            f"kernel.unprivileged_userns_clone=1; "
            f"in Docker: --security-opt seccomp=unconfined --security-opt systempaths=unconfined"
        )
    return sentence
