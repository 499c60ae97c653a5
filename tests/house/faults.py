"""The list of faults in tests/README.md, filled in from the names of the tests.

`python -m tests.house.faults` writes it anew after a test was added or renamed.
"""

import ast
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "tests/README.md"
IMPOSSIBLE = "cannot happen: "
_NAMED = re.compile(r"test_((?:f\d+_)+)")
_ROW = re.compile(r"\| F(\d+) \| (.*?) \| (.*?) \|")
Test = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def tests() -> Sequence[tuple[str, tuple[int, ...], bool]]:
    """Tests that are named after faults: `path::name`, which, and whether they carry the marker."""
    return tuple(_tests())


def _tests() -> Iterator[tuple[str, tuple[int, ...], bool]]:
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        place = str(path.relative_to(ROOT / "tests"))
        above = [node for node in tree.body if isinstance(node, ast.Assign) and _is_mark(node)]
        yield from _within(place, tree.body, above)


def written() -> dict[int, tuple[str, str]]:
    """The rows of the table: what goes wrong, and the tests."""
    return {int(row[1]): (row[2], row[3]) for row in _ROW.finditer(README.read_text("utf-8"))}


def shown(number: int) -> str:
    """The cell with the tests of a fault, by file; empty if there is none."""
    found: dict[str, list[str]] = {}
    for test, numbers, _ in tests():
        if number in numbers:
            path, _, name = test.partition("::")
            found.setdefault(path, []).append(name)
    return "; ".join(f"`{path}`: {', '.join(f'`{name}`' for name in names)}" for path, names in found.items())


def table() -> str:
    """README.md with each cell as it ought to be; a reason why there is no test stays as it was written."""

    def row(found: re.Match[str]) -> str:
        reason = found[3] if found[3].startswith(IMPOSSIBLE) else "still to come"
        return f"| F{found[1]} | {found[2]} | {shown(int(found[1])) or reason} |"

    return _ROW.sub(row, README.read_text("utf-8"))


def _is_mark(node: ast.Assign) -> bool:
    names = [target.id for target in node.targets if isinstance(target, ast.Name)]
    return names == ["pytestmark"] and "pytest.mark.faults" in ast.unparse(node.value)


def _within(
    place: str, body: Sequence[ast.stmt], above: Sequence[ast.AST]
) -> Iterator[tuple[str, tuple[int, ...], bool]]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from _within(f"{place}::{node.name}", node.body, [*above, *_marks(node.decorator_list)])
        elif isinstance(node, Test) and (named := _NAMED.match(node.name)):
            numbers = tuple(int(number) for number in re.findall(r"\d+", named[1]))
            yield f"{place}::{node.name}", numbers, bool([*above, *_marks(node.decorator_list)])


def _marks(decorators: Sequence[ast.expr]) -> list[ast.expr]:
    return [one for one in decorators if ast.unparse(one) == "pytest.mark.faults"]


if __name__ == "__main__":
    README.write_text(table(), encoding="utf-8")
