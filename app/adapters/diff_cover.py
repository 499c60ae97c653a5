"""Which changed lines tests run, by diff-cover.

On the host, as a process of its own in a folder of its own: a patch and a report are data to it, it is given no tree,
and what it may need of memory and time is bounded, as both were written by strangers.
"""

import asyncio
import json
import logging
import sys
import tempfile
from asyncio.subprocess import DEVNULL
from pathlib import Path
from typing import Any, Final

from app.adapters.sandbox.root import REPO
from app.core.coverage import ChangedCoverage

_log = logging.getLogger(__name__)

_SECONDS: Final = 60.0
"""A report of 20 MB takes a few."""
_MEMORY_BYTES: Final = 2 * 1024**3


class DiffCover:
    """`CoverageReader` of `app.core.coverage`."""

    async def changed_lines(self, name: str, report: bytes, patch: bytes) -> ChangedCoverage | None:
        """As `CoverageReader` says."""
        with tempfile.TemporaryDirectory(prefix="minions-coverage-") as made:
            folder = Path(made)
            file = folder / ("report.info" if name.endswith(".info") else "report.xml")
            # Reports name places in the box.
            for begins in (b"<source>", b"SF:", b'path="', b'name="'):
                report = report.replace(begins + REPO.encode(), begins + bytes(folder))
            (folder / "change.patch").write_bytes(patch)
            file.write_bytes(report)
            try:
                await _run(folder, "git", "init", "--quiet", "--template=", ".")
                how = ("--diff-file", "change.patch", "--format", "json:out.json", "--quiet")
                await _run(folder, sys.executable, "-I", "-m", "diff_cover.diff_cover_tool", file.name, *how)
                return _told(json.loads((folder / "out.json").read_text(encoding="utf-8")))
            except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
                _log.info("The report of coverage %s tells nothing: %r", name, error)
                return None


async def _run(folder: Path, *words: str) -> None:
    """Raises OSError if it fails, TimeoutError, which is one, if it takes too long."""
    limits = ("prlimit", f"--data={_MEMORY_BYTES}", "--core=0", "--")
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    process = await asyncio.create_subprocess_exec(
        *limits, *words, cwd=folder, env=environment, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL
    )
    try:
        async with asyncio.timeout(_SECONDS):
            if code := await process.wait():
                raise OSError(f"{words[0]} ended with exit code {code}")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _told(said: dict[str, Any]) -> ChangedCoverage | None:
    """None if nothing of the change is measured."""
    measured = int(said["total_num_lines"])
    if not measured:
        return None
    missing = {str(path): tuple(map(int, stats["violation_lines"])) for path, stats in said["src_stats"].items()}
    return ChangedCoverage(measured=measured, missing={path: lines for path, lines in missing.items() if lines})
