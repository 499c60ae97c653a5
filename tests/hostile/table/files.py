"""What lies in the tree afterwards, for our own tools to fall over."""

import os
import stat
import time
from pathlib import Path
from typing import Final

from app.adapters.workspace.tree import Tree
from tests.hostile.table.case import Case, anyhow, python, well

PATIENCE_S: Final = 10.0
"""Much more than our tools need for what is in these trees; they never wait for what somebody else does."""
REFUSALS: Final = (PermissionError, FileNotFoundError, IsADirectoryError)


def _refused(*paths: str, also_written: bool = True) -> "Look":
    return Look(paths, also_written=also_written)


class Look:
    """Tries to read and to write each path through our own tools: each try has to be refused, and at once."""

    def __init__(self, paths: tuple[str, ...], *, also_written: bool) -> None:
        self._paths = paths
        self._also_written = also_written

    def __call__(self, tree: Path) -> list[str]:
        wrong = []
        began = time.monotonic()
        for path in self._paths:
            for name, attempt in self._attempts(Tree(tree), path):
                try:
                    found = attempt()
                except REFUSALS:
                    continue
                wrong.append(f"{name} of {path!r} was allowed: {str(found)[:80]}")
        if time.monotonic() - began > PATIENCE_S:
            wrong.append("Our tools were held up")
        return wrong

    def _attempts(self, files: Tree, path: str):  # type: ignore[no-untyped-def]  # noqa: ANN202
        yield "reading", lambda: files.read(path)
        if self._also_written:
            yield "writing", lambda: files.write(path, b"evil")


def _everything_is_listed(tree: Path) -> list[str]:
    began = time.monotonic()
    names = Tree(tree).paths("many")
    wrong = [] if len(names) == 100_000 else [f"{len(names)} names of 100000"]
    return wrong + ([] if time.monotonic() - began < PATIENCE_S else ["It took too long"])


def _all_can_be_read(tree: Path) -> list[str]:
    files = Tree(tree)
    names = [name for name in files.paths("odd") if not name.endswith("/")]
    wrong = [] if len(names) >= 8 else [f"Only {names!r}"]
    wrong += [f"{name!r} is not what was written" for name in names if files.read(f"odd/{name}") != b"x"]
    for name in names:
        files.write(f"odd/{name}", b"y")
        wrong += [f"{name!r} is not what we wrote" for _ in "1" if files.read(f"odd/{name}") != b"y"]
    return wrong


def _depth_is_no_matter(tree: Path) -> list[str]:
    """Our tools take a path of 4,095 bytes and refuse a longer one with a sentence; the rest can be deleted."""
    files, wrong = Tree(tree), []
    longest = "/".join(["d" * 200] * 20) + "/" + "f" * 70
    for path in (longest, "d" * 255, "d" * 256, f"{longest}/" * 2, "/".join("." * 2100)):
        try:
            files.read(path)
        except REFUSALS:
            continue
        wrong.append(f"A path of {len(path)} bytes was read")
    return wrong


def _no_privilege_is_left(tree: Path) -> list[str]:
    """A program that the box marked setuid belongs to nobody who matters, and nobody else can come near it."""
    found = (tree / "program").stat(follow_symlinks=False)
    if found.st_mode & stat.S_ISUID and found.st_uid == 0:
        return ["A setuid program of root's"]
    return [] if not tree.stat().st_mode & 0o007 else ["Everybody may enter the work tree"]


def _no_device(tree: Path) -> list[str]:
    kinds = [entry for entry in os.scandir(tree) if not stat.S_ISREG(entry.stat(follow_symlinks=False).st_mode)]
    return [f"{entry.name} is something special" for entry in kinds if entry.is_file(follow_symlinks=False)]


_SWAP: Final = """
import time
os.mkdir("real"); open("real/f", "w").write("fine")
os.symlink("/etc", "evil")
end = time.monotonic() + 1
while time.monotonic() < end:
    os.rename("real", "kept"); os.rename("evil", "real"); os.rename("real", "evil"); os.rename("kept", "real")
"""
_ODD: Final = r"""
os.mkdir("odd")
for name in (b"new\nline", b"tab\tand \"quotes\"", b"raw\xff\xfe\x80", b"-rf", b"--", b"$(touch evil)", b"`id`", b"\x1b[2J", b" ",
             b"\xe2\x80\xaeevil", b"a" * 255, b"*", b"~", b"con", b"..."):
    open(b"odd/" + name, "wb").write(b"x")
"""
_SOCKET: Final = "socket.socket(socket.AF_UNIX).bind('door'); os.mkfifo('pipe'); os.symlink('pipe', 'to-pipe'); os.symlink('door', 'to-door')"

CASES: Final = (
    Case(
        "links to files of the machine",
        "ln -s /etc/shadow shadow; ln -s /etc etc; ln -s / root; ln -s /proc/self/environ environ; ln -s @FILE@ canary; "
        "ln -s ../../../../../../../../../etc/passwd up; ln -s /dev/zero zero; ln -s /proc/self/cwd here; ln -s /proc/1/root one",
        ends=well,
        afterwards=_refused(
            "shadow",
            "etc/shadow",
            "etc/passwd",
            "root/etc/passwd",
            "environ",
            "canary",
            "up",
            "zero",
            "here/shadow",
            "one/etc/shadow",
            "../etc/passwd",
            "/etc/passwd",
            "./../../etc/passwd",
        ),
    ),
    Case(
        "links in a circle",
        "ln -s a b; ln -s b a; ln -s . self; ln -s self/self/self/self many; mkdir d; ln -s ../d d/d",
        ends=well,
        afterwards=_refused("a", "b", "a/x"),
    ),
    Case(
        "forty links after one another",
        "for i in $(seq 60); do ln -s l$((i + 1)) l$i; done; echo x > l61",
        ends=well,
        afterwards=_refused("l1"),
    ),
    Case(
        "links to a place that our tools write",
        "ln -s @FOLDER@/stolen stolen; mkdir sub; ln -s @FOLDER@ sub/folder",
        ends=well,
        afterwards=_refused("stolen", "sub/folder/stolen"),
    ),
    Case(
        "a link of git's folder",
        "mkdir .git; touch .git/config; ln -s .git/config innocent; ln -s .git folder; mkdir -p x/.GIT",
        ends=well,
        afterwards=lambda tree: [
            f"{path} was written"
            for path in (".git/config", "innocent", "folder/config", "x/.GIT/config", ".Git/hooks/x")
            if not _is_refused(tree, path)
        ],
    ),
    Case(
        "pipes and sockets in the place of files",
        python(_SOCKET),
        afterwards=_refused("pipe", "door", "to-pipe", "to-door"),
    ),
    Case("a pipe with a writer that never writes", "mkfifo pipe; exec 3<>pipe; sleep 0.2", afterwards=_refused("pipe")),
    Case(
        "devices made by tar",
        'python3 -c \'\nimport tarfile, io\nt = tarfile.open("x.tar", "w")\ni = tarfile.TarInfo("disk"); '
        "i.type = tarfile.BLKTYPE; i.devmajor = 254\nt.addfile(i)\nt.close()'; tar xf x.tar; cpio -i < /dev/null; mknod c c 1 1; true",
        says="(?i)not permitted",
        afterwards=_no_device,
    ),
    Case(
        "a folder that becomes a link and back",
        python(_SWAP),
        afterwards=_refused("evil/passwd", "evil/shadow", "evil/hosts"),
    ),
    Case("names of every kind", python(_ODD), afterwards=_all_can_be_read),
    Case(
        "paths longer than 4,096 bytes",
        "cd /repo; for i in $(seq 60); do d=$(printf 'd%.0s' $(seq 200)); mkdir $d && cd $d || exit 0; done; touch f",
        ends=anyhow,
        afterwards=_depth_is_no_matter,
    ),
    Case(
        "100,000 files",
        "mkdir many && cd many && seq 100000 | xargs touch",
        ends=well,
        timeout_s=120,
        afterwards=_everything_is_listed,
    ),
    Case(
        "everything locked",
        "mkdir -p locked/in; echo x > locked/in/f; chmod 0 locked/in/f locked/in locked; chmod 0 /repo || true",
        ends=anyhow,
    ),
    Case(
        "a setuid program in the tree",
        "cp /usr/bin/id program; chmod 6755 program; ./program -u",
        says="^1000$|^[0-9]{4,}$",
        afterwards=_no_privilege_is_left,
    ),
    Case(
        "a file with a capability",
        "cp /usr/bin/id f; setcap cap_sys_admin+ep f && echo ESCAPED; setfattr -n security.capability -v 0s f "
        "&& echo ESCAPED; setfattr -n trusted.x -v y f && echo ESCAPED; true",
    ),
    Case(
        "files that cannot be changed",
        "touch f; chattr +i f && echo ESCAPED; chattr +a f && echo ESCAPED; true",
        says="(?i)not permitted|not found|denied|not supported",
    ),
    Case(
        "owners",
        python("open('f', 'w').close()\nfor owner in (0, 1, 65534):\n    attempt(owner, os.chown, 'f', owner, owner)"),
        says="refused 0 (EPERM|EINVAL)",
    ),
    Case(
        "a file that grows while it is read",
        "(while :; do head -c 1000000 /dev/zero >> grows; [ $(stat -c %s grows) -gt 30000000 ] && break; done)",
        afterwards=_refused("grows", also_written=False),
    ),
)


def _is_refused(tree: Path, path: str) -> bool:
    try:
        Tree(tree).write(path, b"evil")
    except REFUSALS:
        return True
    return False
