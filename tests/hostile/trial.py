"""Tries a row of the abuse table in a box, and says what went wrong."""

import asyncio
import os
import re
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

from app.core.errors import SandboxError
from app.core.sandbox import CommandResult, Sandbox
from tests.hostile.surroundings import Surroundings, files_of, marked, mounts_below
from tests.hostile.table.case import Case

AT_ONCE: Final = 3
"""Most cases wait for something; more at a time would only wait for each other."""


class Boxes(Protocol):
    """What opens boxes, of either kind."""

    def open(self, tree: Path, *, cache: Path | None = None) -> Sandbox:
        """The box of a work tree."""
        ...


async def tried(case: Case, boxes: Boxes, folder: Path, around: Surroundings, sandbox: str) -> list[str]:
    """Run a case in a fresh tree in `folder`. Answers with sentences on what went wrong; empty if the box held."""
    tree = Path(tempfile.mkdtemp(dir=folder))
    mark = secrets.token_hex(16)
    # The first line marks every process of the case, whatever it calls itself later.
    script = f"export HOSTILE_MARK={mark}\n{around.filled(case.script)}"
    try:
        try:
            result = await boxes.open(tree).run(script, timeout_s=case.timeout_s)
        except SandboxError as error:
            return [f"The box broke: {error}"]
        return [
            *_of_the_result(case, result, around, sandbox),
            *(f"A process was left: {process}" for process in marked(mark)),
            *(f"A mount was left: {mount}" for mount in mounts_below(tree)),
            *(f"A file was left: {path}" for path in _files_left(tree, folder)),
            *case.afterwards(tree),
            *around.touched(),
        ]
    finally:
        _delete(tree)


async def all_tried(
    cases: Sequence[Case], boxes: Boxes, folder: Path, around: Surroundings, sandbox: str
) -> dict[str, list[str]]:
    """Try every case, a few at a time. What went wrong, by the name of the case.

    A canary that is touched, or a thing of the machine that changes, may be told by a case that ran beside the culprit.
    """
    room = asyncio.Semaphore(AT_ONCE)

    async def attempt(case: Case) -> list[str]:
        async with room:
            return await tried(case, boxes, folder, around, sandbox)

    together = [case for case in cases if not case.is_crowd]
    found = dict(zip([case.name for case in together], await asyncio.gather(*map(attempt, together)), strict=True))
    return found | {case.name: await attempt(case) for case in cases if case.is_crowd}


def _of_the_result(case: Case, result: CommandResult, around: Surroundings, sandbox: str) -> list[str]:
    said = result.output
    wrong = []
    if not case.ends(result):
        wrong.append(f"It ended with {result.exit_code} (timed out: {result.timed_out}) after saying {said[-500:]!r}")
    if around.filled(case.must_not_say) in said or around.secret in said:
        lines = [
            line for line in said.splitlines() if around.filled(case.must_not_say) in line or around.secret in line
        ]
        wrong.append(f"It reached something: {lines[:5]}")
    if not re.search(around.filled(case.words_of(sandbox)), said, re.MULTILINE):
        wrong.append(f"It is not plain that it was tried: {said[-500:]!r}")
    if len(said) > 200_000:
        wrong.append(f"{len(said)} characters of output were kept")
    return wrong


def _files_left(tree: Path, folder: Path) -> list[str]:
    """Files of the box's user outside of its tree. A user of its own has none; an ordinary user has this folder."""
    user = tree.stat().st_uid
    if user == os.geteuid() == 0:
        return []
    return [path for path in files_of(user) if not folder.is_relative_to(path) and not path.startswith("/dev/pts")]


def _delete(tree: Path) -> None:
    # `rm` takes paths of any length, which Python's own way does not.
    if subprocess.run(["rm", "-rf", "--", str(tree)], check=False, capture_output=True).returncode:
        subprocess.run(["chmod", "-R", "u+rwX", "--", str(tree)], check=False, capture_output=True)
        shutil.rmtree(tree, ignore_errors=True)
