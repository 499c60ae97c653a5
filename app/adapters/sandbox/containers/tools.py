"""Programs that a box needs and an image may lack: uv, ripgrep, and socat for install commands.

They are bound into every container and found last on its PATH. They bring the libraries of this machine and its
loader, so they run in any image for this processor, whatever its C library.
"""

import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Final

import uv

from app.adapters.sandbox.root import TOOLS, install, place

LIBRARIES: Final = "/opt/minions/lib"
"""Inside."""


class ContainerTools:
    """The two folders of programs, under `folder`."""

    def __init__(self, folder: Path) -> None:
        self._programs = folder / "container-tools"
        self._libraries = folder / "container-lib"

    def prepare(self) -> dict[str, Path]:
        """Copy what is not there yet; answer with the folder on the host for each place inside. Blocks.

        Safe to run in many processes at once.
        """
        for folder in (self._programs, self._libraries):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o755)
        for program in (uv.find_uv_bin(), shutil.which("rg"), shutil.which("socat")):
            if program:
                self._carry(Path(program))
        return {TOOLS: self._programs, LIBRARIES: self._libraries}

    def _carry(self, program: Path) -> None:
        """Copy it, what it needs, and write the script that starts it."""
        needed = libraries(program)
        for library in needed:
            install(library, self._libraries / library.name)
        install(program, self._libraries / program.name)
        loader = next((library.name for library in needed if library.name.startswith("ld-")), "")
        start = f"{LIBRARIES}/{loader} --library-path {LIBRARIES} " if loader else ""
        script = f'#!/bin/sh\nexec {start}{LIBRARIES}/{shlex.quote(program.name)} "$@"\n'
        place(self._programs / program.name, script.encode(), 0o755)


def libraries(program: Path) -> list[Path]:
    """The loader and every library that a program of this machine needs; nothing for a static one."""
    said = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=False).stdout
    return [Path(path) for path in re.findall(r"(?:=> |^\s*)(/\S+) \(0x", said, re.MULTILINE)]
