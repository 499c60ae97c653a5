"""What the filter refuses, by real calls; and that ordinary programs do not feel it."""

import ctypes
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.adapters.sandbox.box import Box
from app.adapters.sandbox.bubblewrap.boxes import BubblewrapBoxes
from app.adapters.sandbox.bubblewrap.seccomp import profile

pytestmark = [
    pytest.mark.hostile,
    pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers are those of x86_64"),
]

CALL = """
import ctypes, errno, os, sys
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *words):
    answer = libc.syscall(ctypes.c_long(number), *(ctypes.c_long(word) for word in words))
    return "ok" if answer >= 0 else errno.errorcode[ctypes.get_errno()]
"""


@pytest.fixture(scope="module")
def box(reachable_folder: Path) -> Iterator[Box]:
    tree = Path(tempfile.mkdtemp(dir=reachable_folder))
    yield BubblewrapBoxes(reachable_folder / "sandbox").open(tree)
    shutil.rmtree(tree)


async def said(box: Box, program: str) -> tuple[int, str]:
    """Exit code and output of a Python program in the box."""
    result = await box.run("/usr/bin/python3 -", stdin=(CALL + program).encode(), timeout_s=60)
    return result.exit_code, result.output.strip()


REFUSED = {
    "memfd_secret": 447,
    "migrate_pages": 256,
    "move_pages": 279,
    "process_mrelease": 448,
    "open_by_handle_at": 304,
    "name_to_handle_at": 303,
    "setns": 308,
    "unshare": 272,
    "fanotify_init": 300,
    "perf_event_open": 298,
    "pidfd_getfd": 438,
    "process_vm_writev": 311,
    "fsopen": 430,
    "open_tree": 428,
    "open_tree_attr": 467,
    "statmount": 457,
    "listmount": 458,
    "io_uring_enter": 426,
    "clock_settime": 227,
    "init_module": 175,
    "kexec_load": 246,
    "add_key": 248,
}


async def test_calls_that_reach_past_the_box_are_refused(box: Box) -> None:
    program = f"print({{name: call(number, 0, 0, 0, 0, 0) for name, number in {REFUSED!r}.items()}})"
    code, told = await said(box, program)
    assert code == 0
    assert told == str(dict.fromkeys(REFUSED, "EPERM"))


@pytest.mark.parametrize("family", [0, 3, 4, 5, 9, 15, 17, 21, 26, 29, 30, 31, 38, 40, 44, 45, 1 << 32 | 40])
async def test_doors_to_other_parts_of_the_kernel_are_refused(box: Box, family: int) -> None:
    """AF_ALG, AF_PACKET, AF_VSOCK, AF_TIPC, AF_XDP …, also with bits set that the kernel does not look at."""
    for kind in (1, 2, 3, 5):
        assert await said(box, f"print(call(41, {family}, {kind}, 0), call(53, {family}, {kind}, 0, 0))") == (
            *(0, "EPERM EPERM"),
        )


async def test_netlink_changes_nothing(box: Box) -> None:
    """Programs ask it for addresses; no route, no packet filter (nf_tables) and no traffic class can be made."""
    program = """
import socket, struct
def asked(protocol, kind, body):
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol) as link:
        link.send(struct.pack("IHHII", 16 + len(body), kind, 0x605, 1, 0) + body)
        return -struct.unpack_from("i", link.recv(4096), 16)[0]
route = struct.pack("BBBBBBBBI", 2, 0, 0, 0, 254, 3, 0, 1, 0)
link_ = struct.pack("BxHiII", 0, 0, 0, 0, 0) + struct.pack("HH", 8, 3) + b"eth\\0"
print(asked(socket.NETLINK_ROUTE, 24, route), asked(socket.NETLINK_ROUTE, 16, link_))
for protocol in range(1, 32):
    try:
        socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol)
    except PermissionError:
        continue
    print(protocol, "was opened")
"""
    code, told = await said(box, program)
    assert code == 0, told
    assert told == "1 1"


async def test_raw_sockets_are_refused(box: Box) -> None:
    assert await said(box, "print(call(41, 2, 3, 1), call(41, 10, 3, 58))") == (0, "EPERM EPERM")


async def test_null_cannot_be_mapped_nor_addresses_made_known(box: Box) -> None:
    told = "print(call(135, 0xffffffff), call(135, 0), call(135, -1), [call(135, 1 << bit) for bit in range(32)])"
    assert await said(box, told) == (0, f"ok ok ok {['EPERM'] * 32}")
    assert await said(box, "print(call(135, 0x0040000), call(135, 0x7fffffff), call(135, 0xfffffffe))") == (
        *(0, "EPERM EPERM EPERM"),
    )
    assert not (await box.run("setarch -R true")).ok
    assert not (await box.run("linux32 true")).ok


X32 = 0x40000000
INT_80 = """
import mmap
code = mmap.mmap(-1, 4096, prot=7)
# mov eax, NUMBER; mov ebx, 0x28; int 0x80; ret
code.write(b"\\xb8" + (NUMBER).to_bytes(4, "little") + b"\\xbb\\x28\\0\\0\\0\\xcd\\x80\\xc3")
place = ctypes.addressof(ctypes.c_char.from_buffer(code))
print(ctypes.CFUNCTYPE(ctypes.c_int)(place)())
"""


@pytest.mark.parametrize("number", [20, 136, 310, 359], ids=["getpid", "personality", "unshare", "socket"])
async def test_the_numbers_of_32_bits_are_no_way_around(box: Box, number: int) -> None:
    code, told = await said(box, INT_80.replace("NUMBER", str(number)))
    assert (code, told) == (128 + 31, "")  # SIGSYS


@pytest.mark.parametrize("number", [39, 41, 272, 321], ids=["getpid", "socket", "unshare", "bpf"])
async def test_the_numbers_of_x32_are_no_way_around(box: Box, number: int) -> None:
    code, told = await said(box, f"print(call({X32 | number}, 0, 0, 0))")
    assert (code, told) == (128 + 31, "")


def test_32_bits_work_where_there_is_no_filter() -> None:
    """The proof that the test above tries something: here, the same code gets an answer (or this kernel has none)."""
    program = CALL + INT_80.replace("NUMBER", "20")
    told = subprocess.run(["/usr/bin/python3", "-"], input=program, capture_output=True, text=True, check=False).stdout
    assert told.strip().isdecimal() or not told


@pytest.mark.parametrize(
    "program",
    [
        "import multiprocessing as m; p = m.get_context('fork').Pool(2); print(sum(p.map(abs, range(10)))); p.close()",
        "import mmap, os; f = os.memfd_create('x'); os.ftruncate(f, 4096); print(45 if mmap.mmap(f, 4096) else 0)",
        "import socket; a, b = socket.socketpair(); a.send(b'45'); print(b.recv(2).decode())",
        "import threading; t = threading.Thread(target=print, args=(45,)); t.start(); t.join()",
        "print(45 if call(444, 0, 0, 1) in ('ok', 'EOPNOTSUPP', 'ENOSYS') else call(444, 0, 0, 1))",
        "print(45 if call(239, 0, 0, 0, 0, 0) in ('ok', 'ENOSYS') else 0)",
        "import subprocess; print(subprocess.run(['echo', '45'], capture_output=True, text=True).stdout)",
        "import select; e = select.epoll(); print(45); e.close()",
    ],
    ids=["fork", "memfd", "socketpair", "thread", "landlock", "get_mempolicy", "spawn", "epoll"],
)
async def test_ordinary_programs_do_not_feel_it(box: Box, program: str) -> None:
    assert await said(box, program) == (0, "45")


@pytest.mark.skipif(not shutil.which("node", path="/usr/local/bin:/usr/bin"), reason="node is not below /usr")
async def test_node_works(box: Box) -> None:
    result = await box.run('node -e \'new (require("worker_threads").Worker)("console.log(45)", {eval: true})\'')
    assert result.output == "45\n"


def test_is_small() -> None:
    """The kernel takes 4,096 instructions of 8 bytes (BPF_MAXINSNS), and runs them at every call."""
    assert len(profile()) < 1_024 * ctypes.sizeof(ctypes.c_uint64)
