"""Bombs: of memory, disk, descriptors, output."""

from pathlib import Path
from typing import Final

from tests.hostile.table.case import Case, anyhow, at_its_limit, badly, in_time, python

MEBIBYTE: Final = 1024 * 1024

_ONE_PROCESS: Final = """
kept = []
try:
    while len(kept) < 2048:
        kept.append(bytearray(16 * 1024 * 1024))
except MemoryError:
    print("stopped after", len(kept) * 16, flush=True)
    os._exit(7)
print("ESCAPED")
"""
_CHILDREN: Final = """
import time
for _ in range(16):
    if os.fork() == 0:
        try:
            kept = bytearray(b"x") * (200 * 1024 * 1024)
        except MemoryError:
            os._exit(7)
        print("full", flush=True)
        time.sleep(1000)
codes = [os.waitstatus_to_exitcode(os.wait()[1]) for _ in range(1)]
print("stopped", codes, flush=True)
os.kill(0, 9)
"""
_MEMORY_FILES: Final = """
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
written, files = 0, []
try:
    while written < 3 * 1024:
        files.append(os.memfd_create("x"))
        for _ in range(60):
            written += os.write(files[-1], bytes(1024 * 1024)) // (1024 * 1024)
except OSError as error:
    print("stopped after", written, errno.errorcode[error.errno], flush=True)
    os._exit(7)
print("ESCAPED", written, "MiB")
"""
_SHARED: Final = """
libc.shmat.restype = ctypes.c_void_p
taken = 0
try:
    while taken < 3 * 1024:
        segment = call(29, 0, 64 * 1024 * 1024, 0o1600)
        place = libc.shmat(segment, None, 0)
        if place in (None, 2**64 - 1):
            raise OSError(ctypes.get_errno(), "full")
        ctypes.memset(place, 1, 64 * 1024 * 1024)
        libc.shmdt(ctypes.c_void_p(place))
        taken += 64
except OSError as error:
    print("stopped after", taken, errno.errorcode.get(error.errno), flush=True)
    os._exit(7)
print("ESCAPED", taken, "MiB")
"""
_DESCRIPTORS: Final = """
count = 0
try:
    while count < 1_000_000:
        os.open("/dev/null", 0)
        count += 1
except OSError as error:
    print("stopped after", count, errno.errorcode[error.errno])
sys.exit(7)
"""
_LOCKED: Final = """
attempt("mlockall", call, 151, 7)
"""


def _disk(name: str, place: str, *, ends: str = "No space left") -> Case:
    return Case(
        f"a bomb in {name}",
        f"cd {place} && for i in $(seq 30); do head -c 50000000 /dev/zero > f$i || exit 7; done; echo ESCAPED",
        says=ends,
        ends=badly,
        timeout_s=60,
    )


def _one_sparse_file(tree: Path) -> list[str]:
    taken = sum(found.stat().st_blocks for found in tree.iterdir() if found.is_file()) * 512
    return [] if taken < 200 * MEBIBYTE else [f"The tree takes {taken // MEBIBYTE} MiB"]


CASES: Final = (
    Case("a bomb of memory", python(_ONE_PROCESS), says="stopped after|^$|Killed", ends=badly, timeout_s=60),
    _disk("/tmp", "/tmp"),  # inside the box
    _disk("shared memory", "/dev/shm"),
    _disk("the home folder", "~"),
    Case(
        "one large file",
        "head -c 3000000000 /dev/zero > big; [ $? -ne 0 ] && rm -f big && exit 7; echo ESCAPED",
        ends=badly,
        timeout_s=60,
    ),
    Case(
        "a file that is large in name only",
        "truncate -s 50G sparse; fallocate -l 3G full; exit 7",
        ends=badly,
        afterwards=_one_sparse_file,
    ),
    Case("a bomb of descriptors", python(_DESCRIPTORS), says="stopped after [0-9]+ EMFILE", ends=badly),
    Case("a bomb of output", "yes", ends=at_its_limit, timeout_s=1.5),
    Case("a bomb of output in one line", "tr '\\0' x < /dev/zero", ends=at_its_limit, timeout_s=1.5),
    Case("a bomb of both outputs", "yes >&2 & yes", ends=at_its_limit, timeout_s=1.5),
    Case("a bomb of bytes that are no text", "cat /dev/urandom", ends=at_its_limit, timeout_s=1.5),
    Case("control characters for the terminal", "printf '\\033]0;evil\\007\\033[2J\\033c\\0\\377\\n'", ends=anyhow),
    Case(
        "empty files without end",
        "cd /tmp && python3 -c 'import itertools\nfor i in itertools.count(): open(str(i), \"w\")'",
        ends=at_its_limit,
        timeout_s=3,
    ),
    Case(
        "a folder in a folder without end",
        'cd /tmp && python3 -c \'import os\nwhile True: os.mkdir("d"); os.chdir("d")\'',
        ends=at_its_limit,
        timeout_s=3,
    ),
    Case(
        "memory that is never swapped", python(_LOCKED), ends=in_time, only_on="x86_64", must_not_say="ESCAPED by lock"
    ),
    Case(
        "semaphores, queues and shared memory of the machine",
        "ipcs -a | grep -c '^0x' ; ls /dev/mqueue 2>/dev/null | grep . && echo ESCAPED; true",
    ),
    Case(
        "priority for itself",
        python(
            "attempt('nice', os.nice, -10)\n"
            "attempt('real time', os.sched_setscheduler, 0, os.SCHED_FIFO, os.sched_param(50))\n"
        ),
        says="refused nice EPERM\nrefused real time EPERM",
    ),
    Case(
        "a bomb of memory by many children",
        python(_CHILDREN),
        needs_group=True,
        says="stopped|^$|Killed|full",
        ends=at_its_limit,
        timeout_s=20,
    ),
    Case(
        "a bomb of files in memory",
        python(_MEMORY_FILES),
        needs_group=True,
        says="stopped|^$|Killed",
        ends=badly,
        timeout_s=60,
    ),
    Case(
        "a bomb of shared memory",
        python(_SHARED),
        needs_group=True,
        says="stopped|^$|Killed",
        ends=badly,
        timeout_s=60,
        only_on="x86_64",
    ),
)
