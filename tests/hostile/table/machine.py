"""The machine's own files, settings and devices, as they can be seen from a box."""

from pathlib import Path
from typing import Final

from tests.hostile.table.case import Case, badly, python

_MEMORY: Final = """
import re
for row in open("/proc/1/maps"):
    start, end = (int(part, 16) for part in row.split(" ")[0].split("-"))
    if end < 1 << 47:
        with open("/proc/1/mem", "rb", 0) as memory:
            memory.seek(start)
            try:
                print(re.findall(rb"canary-[0-9a-f]{32}", memory.read(end - start)))
            except OSError:
                pass
print("looked")
"""
"""Process 1 of a box is no more than its others, so its memory is theirs: nothing of the server may be in it."""
_OWN_PROGRAM: Final = """
for name in ("/proc/self/exe", "/proc/1/exe", f"/proc/{os.getppid()}/exe", "/usr/bin/bwrap", "/bin/bash"):
    attempt(name, os.open, name, os.O_WRONLY)
    attempt(name + " truncated", os.open, name, os.O_WRONLY | os.O_TRUNC)
"""
_SETTINGS: Final = """
for folder, _, names in os.walk("/proc/sys"):
    for name in names:
        if folder == "/proc/sys/fs/mqueue" or name.startswith(("msg", "shm", "sem", "auto_msgmni", "ns_last_pid", "pid_max")):
            continue  # of the box's own namespaces; those of the machine are watched
        place = f"{folder}/{name}"
        try:
            os.close(os.open(place, os.O_WRONLY))
        except OSError as error:
            print("refused", place, errno.errorcode[error.errno])
        else:
            print("ESCAPED", place)
"""
_WRITABLE: Final = """
import stat
own = ("/repo", "/cache", "/tmp", "/home/minion", "/dev/shm", "/proc", "/var/tmp", "/run/egress", "/dev/pts", "/dev/mqueue", "/data")
for folder, folders, names in os.walk("/"):
    folders[:] = [name for name in folders if os.path.join(folder, name) not in own and not os.path.islink(os.path.join(folder, name))]
    if os.access(folder, os.W_OK) and folder != "/":
        print("ESCAPED", folder)
    for name in names:
        place = os.path.join(folder, name)
        if not os.path.islink(place) and stat.S_ISREG(os.stat(place).st_mode) and os.access(place, os.W_OK):
            print("ESCAPED", place)
print("walked")
"""
_NODES: Final = """
import stat
for name, major, minor, kind in (("disk", 254, 0, stat.S_IFBLK), ("mem", 1, 1, stat.S_IFCHR), ("kmsg", 1, 11, stat.S_IFCHR)):
    for folder in ("/repo", "/tmp", "/dev/shm", "/dev"):
        attempt(f"{folder}/{name}", os.mknod, f"{folder}/{name}", kind | 0o666, os.makedev(major, minor))
"""
_DEVICES: Final = """
known = {"console", "core", "fd", "full", "mqueue", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout", "tty",
         "urandom", "zero"}
print("ESCAPED" if set(os.listdir("/dev")) - known else "known", sorted(os.listdir("/dev")))
for name in ("mem", "kmem", "port", "kmsg", "vda", "sda", "nvme0n1", "dm-0", "loop0", "loop-control", "mapper/control", "fuse", "kvm"):
    attempt(name, os.open, "/dev/" + name, os.O_RDONLY)
"""
_LINKS: Final = """
for source in ("/usr/bin/su", "/etc/passwd", "/proc/self/exe", "/proc/1/exe", "/etc/hosts"):
    attempt(f"link {source}", os.link, source, "/repo/linked")
    attempt(f"link of what {source} leads to", lambda: os.link(source, "/repo/linked", follow_symlinks=True))
attempt("rename", os.rename, "/etc/passwd", "/repo/passwd")
attempt("empty path", call, 265, 3, b"", -100, b"/repo/linked", 0x1000)
"""
_SETUID: Final = """
import glob, subprocess
found = [name for name in glob.glob("/usr/bin/*") + glob.glob("/usr/sbin/*") + glob.glob("/usr/lib/*/*") if os.path.isfile(name) and os.stat(name).st_mode & 0o6000]
print("setuid programs:", len(found))
said = subprocess.run(["su", "-c", "id -u"], input=b"\\n", capture_output=True, timeout=10)
print("ESCAPED" if said.stdout.strip() == b"0" else "su is refused")
copy = "/repo/su"
subprocess.run(["cp", "/usr/bin/id", copy])
os.chmod(copy, 0o6755)
said = subprocess.run([copy, "-u"], capture_output=True, text=True).stdout.strip()
print("as", said, "ESCAPED" if said == "0" else "")
"""


def _nothing_for_everybody(tree: Path) -> list[str]:
    """What the box made is behind a folder that only its user and the server enter."""
    return [] if not tree.stat().st_mode & 0o007 else ["Everybody may enter the work tree"]


def _shown(name: str, *places: str) -> Case:
    """Places that must not be there at all."""
    return Case(
        f"files of the machine: {name}",
        f"for f in {' '.join(places)}; do [ -r $f ] && head -c 300 $f 2>/dev/null | grep -q . && echo ESCAPED $f; "
        f"[ -n \"$(ls -A $f 2>/dev/null | grep -vE '^(tmp|minion|core)$')\" ] && [ -d $f ] && echo ESCAPED $f; done; "
        "echo looked",
        says="^looked$",
    )


_SYSTEM: Final = """
print("entries", len(os.listdir("/sys")) if os.path.isdir("/sys") else 0)
for folder, _, names in os.walk("/sys"):
    for name in names:
        try:
            os.close(os.open(f"{folder}/{name}", os.O_WRONLY | os.O_NONBLOCK))
        except OSError:
            continue
        print("ESCAPED", folder, name)
"""

CASES: Final = (
    Case(
        "settings of devices",
        python(_SYSTEM),
        says="entries 0",
        # An engine shows what there is, and lets nobody change it.
        elsewhere={"containers": "entries [0-9]+"},
    ),
    Case("name of the machine", "cat /etc/hostname; hostname; uname -n; echo", says="minion", must_not_say="@HOST@"),
    Case(
        "servers of names",
        "cat /etc/resolv.conf; echo looked",
        says="No such file",
        # An engine writes one; without a network it is of no use.
        elsewhere={"containers": "looked"},
    ),
    _shown("accounts", "/etc/shadow", "/etc/gshadow", "/etc/sudoers", "/etc/ssh", "/etc/security"),
    _shown("homes", "/root", "/home/*/.ssh", "/root/.ssh", "/root/.gitconfig", "/root/.netrc", "/root/.aws"),
    _shown("the machine", "/etc/machine-id", "/etc/fstab", "/boot", "/srv", "/mnt"),
    _shown(
        "state", "/var/lib", "/var/log", "/var/run/secrets", "/run/secrets", "/run/user", "/var/spool", "/lost+found"
    ),
    _shown("kernel", "/sys/kernel/debug", "/sys/kernel/tracing", "/sys/firmware", "/lib/modules", "/etc/modprobe.d"),
    _shown(
        "the canary", "@FILE@", "@FOLDER@", "/proc/1/root@FILE@", "/proc/self/root@FILE@", "/repo/../../../../..@FILE@"
    ),
    Case(
        "canary through every door of /proc",
        "for p in /proc/[0-9]* /proc/self /proc/thread-self; do for d in root cwd; do cat $p/$d@FILE@ && echo ESCAPED; "
        "for up in .. ../.. ../../.. ../../../../../..; do cat $p/$d/$up@FILE@ && echo ESCAPED; done; done; "
        "for f in $p/fd/* $p/map_files/*; do cat $f/@FILE@ 2>/dev/null && echo ESCAPED; done; done 2>&1 | tail -n 5",
        says="No such file|Permission denied|Not a directory",
        must_not_say="@SECRET@",
    ),
    Case(
        "accounts of the machine",
        "cut -d: -f1 /etc/passwd | sort | tr '\\n' ' '; getent passwd 0 1 2 65534 | wc -l",
        says="minion",
    ),
    Case(
        "environment of the server", "cat /proc/*/environ | tr '\\0' '\\n'; env", says="PATH=", must_not_say="@SECRET@"
    ),
    Case(
        "descriptors of the server",
        "for fd in $(seq 3 255); do readlink /proc/self/fd/$fd; cat <&$fd; done 2>/dev/null; "
        "for f in /proc/[0-9]*/fd/*; do [ -f $f ] && cat $f; done 2>/dev/null; echo looked",
        says="looked",
        must_not_say="@SECRET@",
    ),
    Case(
        "arguments of other processes",
        "cat /proc/*/cmdline | tr '\\0' ' '; ls /proc | grep -c '^[0-9]*$'",
        must_not_say="@SECRET@",
    ),
    Case("memory of process 1", python(_MEMORY), says="looked", must_not_say="[b'canary"),
    Case(
        "the program that runs, overwritten", python(_OWN_PROGRAM), says="refused /proc/self/exe (ETXTBSY|EROFS|EACCES)"
    ),
    Case(
        "settings of the kernel", python(_SETTINGS), says="refused /proc/sys/kernel/core_pattern (EACCES|EROFS|EPERM)"
    ),
    Case(
        "core_pattern",
        "echo '|/repo/evil' > /proc/sys/kernel/core_pattern && echo ESCAPED",
        says="(?i)denied|read-only",
        ends=badly,
    ),
    Case(
        "modprobe",
        "echo /repo/evil > /proc/sys/kernel/modprobe && echo ESCAPED",
        says="(?i)denied|read-only|no such",
        ends=badly,
    ),
    Case(
        "binfmt_misc",
        "echo ':x:M::x::/repo/x:' > /proc/sys/fs/binfmt_misc/register && echo ESCAPED",
        ends=badly,
        says="(?i)denied|no such|read-only|nonexistent",
    ),
    Case("sysrq", "echo h > /proc/sysrq-trigger && echo ESCAPED", says="(?i)denied|read-only|no such", ends=badly),
    Case(
        "log of the kernel",
        "dmesg && echo ESCAPED; cat /dev/kmsg /proc/kmsg && echo ESCAPED; true",
        says="(?i)not permitted|denied|no such",
    ),
    Case(
        "memory of the kernel",
        "head -c 10 /proc/kcore && echo ESCAPED; "
        "grep -vE '^0{16} |^ *\\(null\\)' /proc/kallsyms 2>/dev/null | head -n 1 | grep . && echo ESCAPED; true",
        says="(?i)denied|^$",
    ),
    Case(
        "release_agent",
        "find / -name release_agent -o -name cgroup.procs 2>/dev/null | head -n 3 | while read -r f; do "
        "echo /repo/evil > $f && echo ESCAPED; done; echo looked",
        says="looked",
    ),
    Case("everything that is writable", python(_WRITABLE), says="walked"),
    Case(
        "libraries loaded into every program",
        "echo /repo/evil.so > /etc/ld.so.preload && echo ESCAPED",
        says="(?i)read-only|denied",
        ends=badly,
    ),
    Case(
        "programs of the machine",
        "for f in /usr/bin/evil /bin/evil /usr/local/bin/evil /opt/minions/bin/uv /opt/minions/bin/evil /etc/passwd "
        "/etc/hosts /etc/evil /evil /run/evil /usr/lib/evil; do { echo x >> $f; } 2>&1 && echo ESCAPED $f; done; true",
        says="(?i)read-only|denied",
    ),
    Case("device nodes", python(_NODES), says="refused /repo/disk EPERM"),
    Case("devices", python(_DEVICES), says="refused kmsg ENOENT"),
    Case(
        "hard links to files of the machine",
        python(_LINKS),
        says="refused link /usr/bin/su (EXDEV|EPERM|EROFS)",
        only_on="x86_64",
    ),
    Case("setuid programs", python(_SETUID), says="as 1000|as [0-9]+", afterwards=_nothing_for_everybody),
    Case(
        "schedules",
        "for c in 'crontab -l' 'at now' 'systemctl list-units' 'systemd-run true' 'service --status-all'; do "
        "echo true | timeout 5 $c && echo ESCAPED $c; done; true",
        must_not_say="ESCAPED systemd",
    ),
    Case(
        "login",
        "for u in root minion; do echo x | timeout 5 su $u -c 'id -u' | grep -x 0 && echo ESCAPED; done; "
        "timeout 5 sudo -n id -u | grep -x 0 && echo ESCAPED; timeout 5 mount -o remount,rw / && echo ESCAPED; true",
    ),
)
