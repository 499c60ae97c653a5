"""System calls that reach past a box, or into parts of the kernel that no build needs."""

from typing import Final

from tests.hostile.table.case import Case, badly, python, well

_REFUSED: Final[tuple[tuple[str, int, str], ...]] = (
    # The arguments do no harm should the call ever be let through: wrong magic numbers, descriptor -1, no flags.
    ("add_key", 248, 'b"user", b"evil", b"x", 1, -3'),
    ("request_key", 249, 'b"user", b"@KEY@", 0, -3'),
    ("bpf", 321, "0, 0, 0"),
    ("perf_event_open", 298, "0, 0, -1, -1, 0"),
    ("userfaultfd", 323, "1"),
    ("io_uring_setup", 425, "4, ctypes.create_string_buffer(120)"),
    ("io_uring_enter", 426, "-1, 0, 0, 0, 0, 0"),
    ("io_uring_register", 427, "-1, 0, 0, 0"),
    ("open_by_handle_at", 304, "-100, 0, 0"),
    ("name_to_handle_at", 303, '-100, b"/repo", 0, 0, 0'),
    ("fanotify_init", 300, "0, 0"),
    ("lookup_dcookie", 212, "0, 0, 0"),
    ("quotactl", 179, "0, 0, 0, 0"),
    ("quotactl_fd", 443, "-1, 0, 0, 0"),
    ("ptrace: trace me", 101, "0, 0, 0, 0"),
    ("ptrace: attach to process 1", 101, "16, 1, 0, 0"),
    ("ptrace: seize process 1", 101, "0x4206, 1, 0, 0"),
    ("process_vm_readv", 310, "1, 0, 0, 0, 0, 0"),
    ("process_vm_writev", 311, "1, 0, 0, 0, 0, 0"),
    ("kcmp", 312, "1, os.getpid(), 0, 0, 0"),
    ("pidfd_getfd", 438, "-1, 0, 0"),
    ("process_madvise", 440, "-1, 0, 0, 0, 0"),
    ("mount: tmpfs", 165, 'b"x", b"/tmp", b"tmpfs", 0, 0'),
    ("mount: proc", 165, 'b"proc", b"/tmp", b"proc", 0, 0'),
    ("mount: sysfs", 165, 'b"sysfs", b"/tmp", b"sysfs", 0, 0'),
    ("mount: cgroup, for its release_agent", 165, 'b"cgroup", b"/tmp", b"cgroup", 0, b"memory"'),
    ("mount: cgroup2", 165, 'b"cgroup2", b"/tmp", b"cgroup2", 0, 0'),
    ("mount: bind", 165, 'b"/", b"/tmp", 0, 0x1000, 0'),
    ("mount: the root, writable again", 165, 'b"", b"/", 0, 0x20 | 0x1000, 0'),
    ("mount: propagation to the host", 165, 'b"", b"/", 0, 0x100000 | 0x4000, 0'),
    ("umount2: /etc/passwd", 166, 'b"/etc/passwd", 2'),
    ("umount2: /proc", 166, 'b"/proc", 2'),
    ("pivot_root", 155, 'b"/tmp", b"/tmp"'),
    ("chroot", 161, 'b"/"'),
    ("setns", 308, "-1, 0"),
    ("fsopen", 430, 'b"tmpfs", 0'),
    ("fsconfig", 431, "-1, 0, 0, 0, 0"),
    ("fsmount", 432, "-1, 0, 0"),
    ("fspick", 433, '-100, b"/", 0'),
    ("move_mount", 429, '-100, b"/tmp", -100, b"/repo", 0'),
    ("open_tree: clone", 428, '-100, b"/", 1'),
    ("mount_setattr", 442, '-100, b"/", 0, 0, 0'),
    ("kexec_load", 246, "0, 0, 0, 0"),
    ("kexec_file_load", 320, "-1, -1, 0, 0, 0"),
    ("init_module", 175, "0, 0, 0"),
    ("finit_module", 313, "-1, 0, 0"),
    ("delete_module", 176, 'b"no_such_module", 0x800'),
    ("reboot", 169, "0, 0, 0, 0"),
    ("swapon", 167, 'b"/repo/swap", 0'),
    ("swapoff", 168, 'b"/repo/swap"'),
    ("syslog", 103, "3, ctypes.create_string_buffer(4096), 4096"),
    ("acct", 163, 'b"/repo/acct"'),
    ("settimeofday", 164, "0, ctypes.create_string_buffer(8)"),
    ("clock_settime", 227, "0, 0"),
    ("clock_adjtime", 305, "0, ctypes.create_string_buffer(256)"),
    ("adjtimex", 159, "ctypes.create_string_buffer(256)"),
    ("sethostname", 170, 'b"evil", 4'),
    ("setdomainname", 171, 'b"evil", 4'),
    ("iopl", 172, "3"),
    ("ioperm", 173, "0, 1, 1"),
    ("modify_ldt", 154, "0, 0, 0"),
    ("vhangup", 153, ""),
    ("clone: user namespace", 56, "0x10000000 | 17, 0, 0, 0, 0"),
    ("clone: mount namespace", 56, "0x00020000 | 17, 0, 0, 0, 0"),
    ("clone: process namespace", 56, "0x20000000 | 17, 0, 0, 0, 0"),
    ("clone: network namespace", 56, "0x40000000 | 17, 0, 0, 0, 0"),
    ("open_tree_attr: clone", 467, '-100, b"/", 1, 0, 0'),
    ("setpriority of process 1", 141, "0, 1, -20"),
    ("sched_setscheduler: real time", 144, "0, 1, ctypes.byref(ctypes.c_int(50))"),
    ("ioprio_set: real time", 251, "1, 0, 1 << 13"),
)
"""Name, number on x86_64, arguments as Python."""

_UNSHARE: Final = """
for bit in range(7, 32):
    attempt(hex(1 << bit), call, 272, 1 << bit)
"""

_KEYCTL: Final = """
for operation in range(32):
    attempt(f"operation {operation}", call, 250, operation, -3, 0, 0, 0)
for ring in range(-8, 0):
    attempt(f"read of {ring}", call, 250, 11, ring, ctypes.create_string_buffer(400), 400)
attempt("search", call, 250, 10, -3, b"user", b"@KEY@", 0)
"""

_CLONE3: Final = """
import struct
for flags in (0, 0x10000000, 0x00020000, 0x20000000):
    attempt(hex(flags), call, 435, struct.pack("<8Q", flags, 0, 0, 0, 17, 0, 0, 0), 64)
"""

_BY_32_BITS: Final = """
import mmap
# push rbx; mov eax, 21 (mount of 32 bits); xor ebx, ebx; int 0x80; pop rbx; ret
code = bytes.fromhex("53 b8 15 00 00 00 31 db 31 c9 31 d2 cd 80 5b c3")
page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
page.write(code)
address = ctypes.addressof(ctypes.c_char.from_buffer(page))
print("trying", flush=True)
found = ctypes.CFUNCTYPE(ctypes.c_int)(address)()
print("refused" if found == -errno.ENOSYS else f"ESCAPED with {found}", flush=True)
sys.exit(1)
"""

_BY_X32: Final = """
print("trying", flush=True)
attempt("mount by x32", call, 0x40000000 | 165, b"x", b"/tmp", b"tmpfs", 0, 0)
sys.exit(1)
"""

_MEMORY_OF_A_SIBLING: Final = """
import subprocess
sibling = subprocess.Popen(["sleep", "20"])
attempt("attach", call, 101, 16, sibling.pid, 0, 0)
attempt("process_vm_readv", call, 310, sibling.pid, 0, 0, 0, 0, 0)
sibling.kill()
"""

_IOCTLS: Final = """
master, slave = os.openpty()
if os.fork():
    os.wait()
    sys.exit(0)
os.setsid()
import fcntl
TIOCSCTTY, TIOCSTI, TIOCLINUX = 0x540E, 0x5412, 0x541C
fcntl.ioctl(slave, TIOCSCTTY, 0)
for number in (TIOCSTI, TIOCSTI | 1 << 32):
    attempt(f"TIOCSTI {number:#x}", call, 16, slave, number, b"x")
for part in (2, 3, 10, 11):
    attempt(f"TIOCLINUX {part}", call, 16, slave, TIOCLINUX, bytes([part, 0]))
"""

CASES: Final = (
    *(
        Case(
            f"system call {name}",
            python(f"attempt({name!r}, call, {number}{', ' if arguments else ''}{arguments})"),
            says=r"^refused .* (EPERM|EACCES|ENOSYS)$",
            only_on="x86_64",
        )
        for name, number, arguments in _REFUSED
    ),
    Case(
        "unshare with every flag",
        python(_UNSHARE),
        says="refused 0x10000000 EPERM",
        only_on="x86_64",
    ),
    Case(
        "unshare as a program",
        "for flag in -U -Ur -m -n -p -i -u -C -T; do unshare $flag true && echo ESCAPED; done",
        says="not permitted",
        ends=badly,
    ),
    Case(
        "nested bubblewrap",
        "bwrap --ro-bind / / --tmpfs /tmp true && echo ESCAPED",
        says="(?i)no permission|not permitted|not found|denied",
        ends=badly,
    ),
    Case("keyctl of every kind", python(_KEYCTL), says="refused operation 11 EPERM", only_on="x86_64"),
    Case("names of the machine's keys", "cat /proc/keys /proc/key-users && echo looked", must_not_say="@KEY@"),
    Case("clone3 of every kind", python(_CLONE3), says="refused 0x10000000 (ENOSYS|EPERM)", only_on="x86_64"),
    Case("system calls of 32 bits", python(_BY_32_BITS), says="trying", ends=badly, only_on="x86_64"),
    Case("system calls of x32", python(_BY_X32), says="trying", ends=badly, only_on="x86_64"),
    Case("memory of a sibling", python(_MEMORY_OF_A_SIBLING), says="refused attach EPERM", only_on="x86_64"),
    Case("typing into a terminal", python(_IOCTLS), says="refused TIOCSTI 0x5412 EPERM", only_on="x86_64"),
    Case(
        "capabilities",
        "grep -E '^(Cap(Eff|Prm|Bnd|Amb|Inh)|NoNewPrivs|Seccomp):' /proc/self/status | tr '\\n\\t' '  '",
        says="CapInh: 0{16} CapPrm: 0{16} CapEff: 0{16} CapBnd: 0{16} CapAmb: 0{16} NoNewPrivs: 1 Seccomp: 2",
        ends=well,
    ),
    Case("new privileges by capsh", "capsh --caps=cap_sys_admin+eip -- -c 'echo ESCAPED'", ends=badly),
    Case(
        "no_new_privs taken back",
        python("attempt('prctl', call, 157, 38, 0, 0, 0, 0)"),
        says="refused prctl EINVAL",
        only_on="x86_64",
    ),
    Case(
        "another filter that allows everything",
        python(
            """
import struct
allow = ctypes.create_string_buffer(struct.pack("<HBBI", 6, 0, 0, 0x7FFF0000), 8)
program = ctypes.create_string_buffer(struct.pack("<HxxxxxxQ", 1, ctypes.addressof(allow)))
print("filter", call(157, 22, 2, program, 0, 0))
attempt("mount after it", call, 165, b"x", b"/tmp", b"tmpfs", 0, 0)
"""
        ),
        says="filter 0\nrefused mount after it EPERM",
        only_on="x86_64",
    ),
    Case(
        "user and group of somebody else",
        python(
            "for number in (105, 106, 117, 119):\n attempt(number, call, number, 0, 0, 0)\n"
            "attempt('setgroups', os.setgroups, [0])"
        ),
        says="refused setgroups EPERM",
        only_on="x86_64",
    ),
    Case(
        "uid_map written anew",
        "for f in uid_map gid_map setgroups; do echo '0 0 1' > /proc/self/$f && echo ESCAPED; done; true",
        says="(?i)not permitted|denied|read-only",
    ),
    Case(
        "clock by date",
        "date -s 2001-01-01 | grep -q 2001 && date | grep 2001 && echo ESCAPED; true",
        says="not permitted",
    ),
    Case(
        "scheduler files",
        "echo -1000 > /proc/self/oom_score_adj && echo ESCAPED; nice -n -5 true; true",
        says="(?i)permission denied|not permitted|read-only",
    ),
    Case(
        "hard limits raised",
        "for l in u n v f; do [ $(ulimit -H$l) = unlimited ] || { ulimit -H$l unlimited && echo ESCAPED $l; }; done; true",
        says="(?i)cannot modify limit",
    ),
)
