"""git's `proc-receive` hook: says for each ref of a push whether it may move, with GitHub's sentences.

Run by git as a program of its own, so it imports nothing of this project. What is allowed comes in the environment:
LOOPBACK_WORKFLOWS=no refuses changes of workflows, LOOPBACK_PROTECTED names protected branches, one a line.
"""

import os
import subprocess
import sys

NOTHING = "0" * 40
WORKFLOWS = ".github/workflows"


def read_packet() -> bytes | None:
    """One pkt-line; None at a flush or at the end."""
    size = int(sys.stdin.buffer.read(4) or b"0000", 16)
    return sys.stdin.buffer.read(size - 4) if size > 4 else None


def write_packet(text: str | None) -> None:
    """One pkt-line, or a flush."""
    data = b"0000" if text is None else b"%04x" % (len(text.encode()) + 4) + text.encode()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def changed_workflow(new: str) -> str:
    """A workflow that commits change which no ref reaches yet; empty if none does."""
    words = ["git", "log", "-m", "--format=", "--name-only", new, "--not", "--all", "--", WORKFLOWS]
    listed = subprocess.run(words, capture_output=True, check=True)
    return listed.stdout.decode(errors="replace").strip().partition("\n")[0]


def verdict(new: str, ref: str) -> str:
    """Why the ref may not move; empty if it may."""
    if ref.removeprefix("refs/heads/") in os.environ.get("LOOPBACK_PROTECTED", "").splitlines():
        sys.stderr.write(f"error: GH006: Protected branch update failed for {ref}.\n")
        return "protected branch hook declined"
    if os.environ.get("LOOPBACK_WORKFLOWS") == "no" and new != NOTHING:
        workflow = changed_workflow(new)
        if workflow:
            refusing = "refusing to allow a GitHub App to create or update workflow"
            return f"{refusing} `{workflow}` without `workflows` permission"
    return ""


def main() -> None:
    """Speak version 1 of the protocol of proc-receive."""
    while read_packet() is not None:
        pass
    write_packet("version=1\n")
    write_packet(None)
    commands = []
    while (line := read_packet()) is not None:
        commands.append(line.decode().strip().split(" ", 2))
    for _, new, ref in commands:
        reason = verdict(new, ref)
        if reason:
            write_packet(f"ng {ref} {reason}\n")
        else:
            write_packet(f"ok {ref}\n")
            write_packet("option fall-through\n")
    write_packet(None)


if __name__ == "__main__":
    main()
