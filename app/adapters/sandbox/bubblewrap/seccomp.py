"""Which system calls the box refuses, on top of what its namespaces already prevent."""

import errno
import os
from typing import Final

from app.core.errors import SandboxError

REFUSED: Final = (
    # The session keyring is shared with the host: namespaces do not cover it.
    *("add_key", "keyctl", "request_key"),
    # Large parts of the kernel that no build and no test needs.
    *("bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register"),
    *("open_by_handle_at", "name_to_handle_at", "fanotify_init", "fanotify_mark", "lookup_dcookie"),
    *("quotactl", "quotactl_fd", "memfd_secret"),
    # Other processes' memory.
    *("ptrace", "process_vm_readv", "process_vm_writev", "kcmp", "pidfd_getfd", "process_madvise"),
    *("process_mrelease", "migrate_pages", "move_pages"),  # mbind and set_mempolicy stay: Java and numpy ask them
    # Mounts and namespaces.
    *(
        "mount",
        "umount",
        "umount2",
        "pivot_root",
        "chroot",
        "unshare",
        "setns",
        "fsopen",
        "fsconfig",
        "fsmount",
        "fspick",
    ),
    *("move_mount", "open_tree", "mount_setattr"),
    # The machine itself.
    *("kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "reboot", "swapon", "swapoff"),
    *(
        "syslog",
        "acct",
        "settimeofday",
        "stime",
        "clock_settime",
        "clock_adjtime",
        "adjtimex",
        "sethostname",
        "setdomainname",
    ),
    *("iopl", "ioperm", "modify_ldt", "vhangup", "nfsservctl", "uselib", "ustat", "sysfs", "vm86", "vm86old"),
)
"""Answered with EPERM. Names that this machine's processor does not have are passed over."""

NEWER: Final = {"statmount": 457, "listmount": 458, "open_tree_attr": 467}
"""Calls that Debian 12's libseccomp has no name for, with their numbers, which are the same on every processor
(https://www.kernel.org/doc/html/latest/process/adding-syscalls.html; include/uapi/asm-generic/unistd.h)."""

SOCKETS: Final = {1, 2, 10, 16}
"""AF_UNIX, AF_INET, AF_INET6, AF_NETLINK. Others reach past a network namespace (AF_VSOCK does) or are old doors."""

NETLINK: Final = 16
NETLINK_ROUTE: Final = 0
"""What programs ask for addresses by. Its other protocols are parts of the kernel such as nf_tables: old in holes."""
CLONE_NEWUSER: Final = 0x10000000
TIOCSTI: Final = 0x5412
"""Types characters into a terminal."""
LOW_32_BITS: Final = 0xFFFFFFFF


def profile() -> bytes:
    """The filter as a BPF program for `bwrap --seccomp`. Raises SandboxError if libseccomp is not there.

    Who calls by the numbers of another processor (32 bits, or x32) is killed: that is libseccomp's own rule.
    """
    try:
        # Loads libseccomp while it is imported, so not before it is needed.
        import pyseccomp as seccomp  # noqa: PLC0415
    except RuntimeError as error:
        raise SandboxError("libseccomp is missing: apt-get install libseccomp2", detail=str(error)) from error
    refuse = seccomp.ERRNO(errno.EPERM)
    rules = seccomp.SyscallFilter(seccomp.ALLOW)
    for name in REFUSED:
        if seccomp.resolve_syscall(seccomp.system_arch(), name) >= 0:
            rules.add_rule(refuse, name)
    for number in NEWER.values():
        rules.add_rule(refuse, number)
    for call in ("socket", "socketpair"):
        for family in set(range(max(SOCKETS))) - SOCKETS:
            rules.add_rule(refuse, call, seccomp.Arg(0, seccomp.EQ, family))
        rules.add_rule(refuse, call, seccomp.Arg(0, seccomp.GT, max(SOCKETS)))
    rules.add_rule(refuse, "socket", seccomp.Arg(0, seccomp.EQ, NETLINK), seccomp.Arg(2, seccomp.NE, NETLINK_ROUTE))
    # Linux as it is, and the question which one it is, are 32 bits alike. Everything else, such as addresses that are
    # not random or null being mapped, has a bit that is set below one that is not; the first is above the last.
    for bit in range(32):
        here, above = 1 << bit, 1 << (bit + 1) % 32
        rules.add_rule(refuse, "personality", seccomp.Arg(0, seccomp.MASKED_EQ, here | above, here))
    rules.add_rule(refuse, "clone", seccomp.Arg(0, seccomp.MASKED_EQ, CLONE_NEWUSER, CLONE_NEWUSER))
    # Its flags lie in memory, where a filter cannot look; on ENOSYS the C library falls back to clone.
    rules.add_rule(seccomp.ERRNO(errno.ENOSYS), "clone3")
    rules.add_rule(refuse, "ioctl", seccomp.Arg(1, seccomp.MASKED_EQ, LOW_32_BITS, TIOCSTI))
    return _exported(rules)


def _exported(rules: object) -> bytes:
    with os.fdopen(os.memfd_create("seccomp"), "w+b") as file:
        rules.export_bpf(file)  # type: ignore[attr-defined]
        file.seek(0)
        return file.read()
