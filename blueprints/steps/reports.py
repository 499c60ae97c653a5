"""Reports of coverage that the repository's own tests leave in a tree."""

from collections.abc import AsyncIterator
from typing import Final

from app.core.workspace import CleanTree

_PATHS: Final = (
    *("coverage.xml", "cobertura.xml", "coverage/cobertura-coverage.xml", "coverage/clover.xml", "coverage/lcov.info"),
    *("lcov.info", "cobertura-coverage.xml", "target/site/jacoco/jacoco.xml"),
    "build/reports/jacoco/test/jacocoTestReport.xml",
)
"""Where runners leave reports that diff-cover reads."""
_MAKE: Final = """\
if [ -e .coverage ] && [ ! -e coverage.xml ]; then
  for python in .venv/bin/python python3; do
    "$python" -m coverage xml -q -o coverage.xml 2>/dev/null && break
  done
fi; true"""
"""coverage.py keeps what it measured in a database of its own."""
_MAKE_S: Final = 300.0


async def reports(tree: CleanTree) -> AsyncIterator[tuple[str, bytes]]:
    """Each report that is there after the tests, by the name of its file."""
    await tree.sandbox.run(_MAKE, timeout_s=_MAKE_S)
    for path in _PATHS:
        try:
            # One that the repository holds is of another day.
            report = b"" if await tree.workspace.show(path) is not None else await tree.workspace.read(path)
        except OSError:
            continue
        if report:
            yield path, report
