"""One trajectory for every harness: the same shell commands in the same order, in a repository of its own.

Thirty turns as in a small fix: one look around, eight reads, six searches, eight edits, five checks, the diff, the end.
Each harness makes them by the tool that it has for a shell, and says in its own way that it is done.
"""

import json
import subprocess
from pathlib import Path
from typing import Any, Final

TURNS: Final = 30
LONG: Final = 200
FILES: Final = 8
_LINES: Final = 200
SHELL: Final = {"ours": "bash", "mini-swe-agent": "bash", "pydantic-ai": "bash", "deepagents": "execute"}
"""What each harness calls its shell."""
CHANGED: Final = tuple(f"part{number}.py" for number in range(FILES))
"""Files that the short trajectory changes."""


def repository(folder: Path) -> Path:
    """A small repository in `folder`, with one commit."""
    (folder / "src").mkdir(parents=True)
    for number in range(FILES):
        lines = (f"    total_{line} = {number} + {line}\n" for line in range(_LINES))
        (folder / "src" / f"part{number}.py").write_text(f"def work_{number}():\n{''.join(lines)}    return 'old'\n")
    (folder / "check.sh").write_text("grep -l 'return' src/*.py | wc -l && sh -c 'echo ok'\n")
    script = "git init -q -b main && git add -A && git -c user.name=Bench -c user.email=bench@localhost commit -qm base"
    subprocess.run(["sh", "-c", script], check=True, cwd=folder, capture_output=True)
    return folder


def commands(turns: int) -> list[str]:
    """What is run in `turns` turns, of which the last one ends the work."""
    return _short() if turns == TURNS else [_look(number) for number in range(turns - 1)]


def _short() -> list[str]:
    reads = [_read(number) for number in range(8)]
    greps = [_grep(number) for number in range(6)]
    edits = [f"sed -i \"s/return 'old'/return 'new'/\" src/{name}" for name in CHANGED]
    made = ["ls -la . src", *reads, *greps]
    for place, edit in enumerate(edits):
        made += [edit, "sh check.sh"] if place in {1, 3, 5, 6, 7} else [edit]
    return [*made, "git diff --stat"]


def _look(number: int) -> str:
    """A long trajectory reads and searches, each time something else, and changes nothing."""
    return _grep(number) if number % 3 == 2 else _read(number)


def _read(number: int) -> str:
    first = number % 150 + 1
    return f"sed -n '{first},{first + 29}p' src/part{number % FILES}.py"


def _grep(number: int) -> str:
    return f"grep -rn 'total_{number % 190}1* =' src"


def answers(harness: str, turns: int) -> list[bytes]:
    """Bodies of the model's answers, in order; what they say about tokens is put in by the server."""
    made = [_calling(SHELL[harness], {"command": command}, at) for at, command in enumerate(commands(turns))]
    return [json.dumps(answer).encode() for answer in [*made, _end(harness, len(made))]]


def _end(harness: str, at: int) -> dict[str, Any]:
    match harness:
        case "ours":
            return _calling("submit", {"summary": "It is new now."}, at)
        case "mini-swe-agent":
            return _calling("bash", {"command": "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"}, at)
        case _:
            return _answer({"role": "assistant", "content": "It is new now."}, "stop", at)


def _calling(tool: str, arguments: dict[str, Any], at: int) -> dict[str, Any]:
    call = {"id": f"call_{at}", "type": "function", "function": {"name": tool, "arguments": json.dumps(arguments)}}
    return _answer({"role": "assistant", "content": f"Step {at}.", "tool_calls": [call]}, "tool_calls", at)


def _answer(message: dict[str, Any], finish: str, at: int) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{at}",
        "object": "chat.completion",
        "created": 1_790_000_000,
        "model": "scripted",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {"prompt_tokens": 1_000, "completion_tokens": 20, "total_tokens": 1_020},
    }
