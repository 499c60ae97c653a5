"""The filter of system calls for containers, as the JSON that engines take: what is not known is refused.

An engine's own filter is not enough: Docker 20.10 lets AF_VSOCK and io_uring through.
"""

import json
import platform
from contextlib import suppress
from typing import Any, Final

from app.adapters.sandbox.bubblewrap.seccomp import NETLINK, NETLINK_ROUTE, REFUSED, SOCKETS, TIOCSTI
from app.core.errors import SandboxError

ALSO_REFUSED: Final = {
    # Memory of other processors and of other processes.
    *("mbind", "set_mempolicy", "get_mempolicy", "set_mempolicy_home_node", "migrate_pages", "move_pages"),
    *("memfd_secret", "process_mrelease"),
    # Old doors, and siblings of what is refused by name.
    *("umount", "stime", "clock_settime64", "clock_adjtime64", "create_module", "get_kernel_syms", "query_module"),
    *("_sysctl", "afs_syscall", "tuxcall", "getpmsg", "putpmsg", "security", "vserver", "remap_file_pages"),
}
"""Refused here on top of `seccomp.REFUSED`: as Docker's own filter does, and nothing that builds and tests need."""

ARCHITECTURES: Final = {"x86_64": "SCMP_ARCH_X86_64", "aarch64": "SCMP_ARCH_AARCH64"}
"""Only the machine's own: a call by the numbers of another architecture ends the process."""
NAMESPACES: Final = 0x7E020000
"""Every CLONE_NEW… flag of clone(2) that makes a namespace."""
PERSONALITIES: Final = (0, 0xFFFFFFFF)
"""The ordinary one, and the question which one it is."""
MOST_CALLS: Final = 600
"""Numbers that are asked for their name; Linux 6.17 ends at 470."""
ENOSYS: Final = 38


def profile() -> str:
    """The filter. Raises SandboxError where it cannot be made: no libseccomp, or an unknown processor."""
    machine = platform.machine()
    if machine not in ARCHITECTURES:
        raise SandboxError(f"There is no filter of system calls for {machine}; there is for {', '.join(ARCHITECTURES)}")
    refused = {*REFUSED, *ALSO_REFUSED, "socket", "socketpair", "clone", "clone3", "personality", "ioctl"}
    families = sorted(SOCKETS - {NETLINK})
    rules = [
        {"names": sorted(_known() - refused), "action": "SCMP_ACT_ALLOW"},
        *(_allow(call, 0, "SCMP_CMP_EQ", family) for call in ("socket", "socketpair") for family in families),
        _also(_allow("socket", 0, "SCMP_CMP_EQ", NETLINK), 2, NETLINK_ROUTE),
        *(_allow("personality", 0, "SCMP_CMP_EQ", one) for one in PERSONALITIES),
        _allow("clone", 0, "SCMP_CMP_MASKED_EQ", NAMESPACES),
        # The kernel looks at 32 bits of it: what differs in one of these is another request.
        *(_allow("ioctl", 1, "SCMP_CMP_MASKED_EQ", 1 << bit, ~TIOCSTI & 1 << bit) for bit in range(32)),
        # Its flags lie in memory, where a filter cannot look; on ENOSYS the C library falls back to clone.
        {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": ENOSYS},
    ]
    return json.dumps(
        {
            "defaultAction": "SCMP_ACT_ERRNO",
            "defaultErrnoRet": 1,
            "architectures": [ARCHITECTURES[machine]],
            "syscalls": rules,
        }
    )


def _allow(name: str, index: int, operator: str, value: int, second: int = 0) -> dict[str, Any]:
    return {
        "names": [name],
        "action": "SCMP_ACT_ALLOW",
        "args": [{"index": index, "value": value, "valueTwo": second, "op": operator}],
    }


def _also(rule: dict[str, Any], index: int, value: int) -> dict[str, Any]:
    """The rule, if this argument has this value, too."""
    return rule | {"args": [*rule["args"], {"index": index, "value": value, "valueTwo": 0, "op": "SCMP_CMP_EQ"}]}


def _known() -> set[str]:
    """Names of all system calls that this machine's libseccomp knows."""
    try:
        # Loads libseccomp while it is imported, so not before it is needed.
        import pyseccomp as seccomp  # noqa: PLC0415
    except RuntimeError as error:
        raise SandboxError("libseccomp is missing: apt-get install libseccomp2", detail=str(error)) from error
    names = set()
    for number in range(MOST_CALLS):
        with suppress(ValueError):  # no call has this number
            names.add(seccomp.resolve_syscall(seccomp.system_arch(), number).decode())
    return names
