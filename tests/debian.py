"""A small Debian as the base of an image, made here: where no registry is asked, nothing can be pulled."""

import os
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Final

from docker import APIClient

SUITE: Final = "bookworm"
"""The one that the Dockerfile begins with."""
MIRROR: Final = "http://deb.debian.org/debian"
"""Debian's own, as its images name it; its packages are signed."""
CERTIFICATES: Final = Path("/etc/ssl/certs/ca-certificates.crt")
"""What this machine trusts, which may be more than Debian does: a company's proxy has a certificate of its own."""


def why_not() -> str:
    """Why no Debian can be made here; empty if one can."""
    if os.geteuid() != 0:
        return "only root can make a Debian"
    return "" if shutil.which("debootstrap") else "debootstrap is missing: apt-get install debootstrap"


def make_base(client: APIClient, folder: Path, name: str) -> None:
    """Import a small Debian, fetched from its mirror, as the image of this name. Raises CalledProcessError."""
    root = folder / "debian"
    command = ["debootstrap", "--variant=minbase", SUITE, str(root), MIRROR]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    trusted = root / "usr/local/share/ca-certificates"
    trusted.mkdir(parents=True, exist_ok=True)  # it comes with a package that a small Debian has not
    shutil.copy(CERTIFICATES, trusted / "this-machine.crt")
    shutil.rmtree(root / "var/cache/apt/archives")
    archive = folder / "debian.tar"
    with tarfile.open(archive, "w") as packed:
        packed.add(root, ".")
    shutil.rmtree(root)
    client.import_image_from_file(str(archive), repository=name, tag="latest")
    archive.unlink()
