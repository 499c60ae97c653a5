"""How to find out which lines of code a test command runs, and how to read what is found out."""

import ast
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from app.core.coverage import ChangedCoverage

FOLDER: Final = "/cache/minions-lines-run"
"""In the box, beside the tree: no part of any change."""
_TRACER: Final = """\
import atexit, json, os, sys, threading
ROOT = os.environ.get("MINIONS_LINES_AT", "")
NAMES = json.loads(os.environ.get("MINIONS_LINES_OF", "[]"))
WANTED = {os.path.realpath(os.path.join(ROOT, path)): path for path in NAMES}
RAN = {path: set() for path in WANTED.values()}
KNOWN = {}
def wanted(name):
    if name not in KNOWN:
        KNOWN[name] = WANTED.get(os.path.realpath(name))
    return KNOWN[name]
def of(code):
    yield from (line for _, _, line in code.co_lines() if line)
    for inner in code.co_consts:
        if hasattr(inner, "co_lines"):
            yield from of(inner)
def keep():
    told = {}
    for path, name in WANTED.items():
        try:
            with open(path, "rb") as file:
                told[name] = [sorted(set(of(compile(file.read(), path, "exec")))), sorted(RAN[name])]
        except Exception:
            pass
    with open(os.path.join(FOLDER, "%d.json" % os.getpid()), "w") as file:
        json.dump(told, file)
def trace(frame, event, _):
    name = wanted(frame.f_code.co_filename)
    if name is None:
        return None
    def line(frame, event, _):
        RAN[name].add(frame.f_lineno)
        return line
    return line(frame, event, _)
def seen(code, number):
    name = wanted(code.co_filename)
    if name is not None:
        RAN[name].add(number)
    return sys.monitoring.DISABLE
if WANTED and sys.version_info >= (3, 10):
    atexit.register(keep)
    if hasattr(sys, "monitoring"):
        sys.monitoring.use_tool_id(4, "lines")
        sys.monitoring.register_callback(4, sys.monitoring.events.LINE, seen)
        sys.monitoring.set_events(4, sys.monitoring.events.LINE)
    else:
        sys.settrace(trace)
        threading.settrace(trace)
"""
"""For Python, started with every interpreter of a command: neither asks for a package, nor for another command."""
PREPARE: Final = f"rm -rf {FOLDER} && mkdir -p {FOLDER} && cat > {FOLDER}/sitecustomize.py"
TRACER: Final = _TRACER.replace("FOLDER", repr(FOLDER))
SHOW: Final = (
    f"cd {FOLDER} && for told in *.json *.out; do [ -e $told ] && cat $told && echo; done; rm -f *.json *.out; true"
)
"""What a command left there, one line a process for Python; removed, so that the next command's is its own."""
_GO: Final = re.compile(r"^go test(?= |$)[^;&|<>`$()\n]*$")
_GO_BLOCK: Final = re.compile(r"^(\S+\.go):(\d+)\.\d+,(\d+)\.\d+ \d+ (\d+)$")
_PLAIN: Final = re.compile(r"[\w./@+ -]+")


def measuring(command: str, paths: Sequence[str]) -> str:
    """The same command, which leaves in `FOLDER` which lines of these files it runs, if it is of Python or Go."""
    named = json.dumps([path for path in paths if path.endswith(".py") and _PLAIN.fullmatch(path)])
    if _GO.fullmatch(command):
        return command.replace("go test", f"go test -coverpkg=./... -coverprofile={FOLDER}/go.out", 1)
    return f"export PYTHONPATH={FOLDER}:${{PYTHONPATH:-}} MINIONS_LINES_AT=$PWD MINIONS_LINES_OF='{named}'\n{command}"


def told(outputs: Sequence[str], paths: Collection[str]) -> dict[str, ChangedCoverage]:
    """What `SHOW` printed after commands, by path; a path of which nothing was told is left out."""
    lines: dict[str, set[int]] = {}
    ran: dict[str, set[int]] = {}
    for path, number, was_run in _each(outputs, paths):
        lines.setdefault(path, set()).add(number)
        ran.setdefault(path, set())
        if was_run:
            ran[path].add(number)
    return {
        path: ChangedCoverage(
            measured=len(every), missing={path: tuple(sorted(every - ran[path]))} if every - ran[path] else {}
        )
        for path, every in lines.items()
        if any(ran.values())  # else nothing was followed, rather than nothing run
    }


def _each(outputs: Sequence[str], paths: Collection[str]) -> Iterator[tuple[str, int, bool]]:
    """Lines that hold code, each with whether it was run; of a line more than one may be told."""
    for line in "\n".join(outputs).split("\n"):
        if line.startswith("{"):
            yield from _of_python(line, paths)
        elif block := _GO_BLOCK.match(line):
            for path in paths:
                if block[1] == path or block[1].endswith(f"/{path}"):
                    first, last = int(block[2]), min(int(block[3]), int(block[2]) + 10_000)
                    yield from ((path, number, block[4] != "0") for number in range(first, last + 1))


def _of_python(line: str, paths: Collection[str]) -> Iterator[tuple[str, int, bool]]:
    try:
        said = json.loads(line)
        for path in paths:
            every, ran = said.get(path, ([], []))
            yield from ((path, int(number), number in set(ran)) for number in every)
    except (ValueError, TypeError, AttributeError, RecursionError):
        return


def inside(path: str, text: str, said: str) -> frozenset[int]:
    """Lines inside the functions of a file of Python that the text `said` names; empty if it names none of them."""
    try:
        nodes = [*ast.walk(ast.parse(text))] if path.endswith(".py") else []
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset()
    words = frozenset(re.findall(r"\w+", said))
    return frozenset(
        number
        for one in nodes
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) and one.name in words
        for number in range(one.body[0].lineno, (one.end_lineno or one.lineno) + 1)
    )


def added(texts: Mapping[str, str]) -> bytes:
    """A patch that adds these files whole, so that who reads reports for changed lines reads them for all."""
    parts = []
    for path, text in texts.items():
        lines = text.splitlines()
        if lines and _PLAIN.fullmatch(path):
            head = f"diff --git a/{path} b/{path}\nnew file mode 100644\n--- /dev/null\n+++ b/{path}\n"
            parts.append(f"{head}@@ -0,0 +1,{len(lines)} @@\n" + "".join(f"+{line}\n" for line in lines))
    return "".join(parts).encode()
