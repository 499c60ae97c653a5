"""Processes that do not want to end, and those of others that a box would like to end."""

from typing import Final

from tests.hostile.table.case import Case, at_its_limit, badly, in_time, out_of_time, python

_DAEMONS: Final = """
import signal, time
for _ in range(20):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for number in range(1, 65):
                try:
                    signal.signal(number, signal.SIG_IGN)
                except (OSError, ValueError):
                    pass
            time.sleep(1000)
        os._exit(0)
print("started", flush=True)
"""
_FORKS: Final = """
import signal, time
signal.signal(signal.SIGALRM, lambda *_: sys.exit(7))
count = 0
try:
    while True:
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
        count += 1
except OSError as error:
    print("stopped after", count, errno.errorcode[error.errno])
sys.exit(7)
"""
_THREADS: Final = """
import threading, time
count = 0
try:
    while True:
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        count += 1
except RuntimeError:
    print("stopped after", count, flush=True)
os._exit(7)
"""
_ZOMBIES: Final = """
import time
try:
    for count in range(100_000):
        if os.fork() == 0:
            os._exit(0)
except OSError as error:
    print("stopped after", count, errno.errorcode[error.errno])
sys.exit(7)
"""
_FREEZE: Final = """
import signal, time
for _ in range(5):
    if os.fork() == 0:
        time.sleep(1000)
print("stopping", flush=True)
os.kill(-1, signal.SIGSTOP)
os.kill(os.getpid(), signal.SIGSTOP)
"""
_NAMELESS: Final = """
import ctypes, time
libc.prctl(15, b"[kworker/0:1]", 0, 0, 0)
libc.prctl(4, 0, 0, 0, 0)      # not to be looked into
libc.prctl(36, 1, 0, 0, 0)     # reaps what its children leave
libc.prctl(1, 0, 0, 0, 0)
os.closerange(0, 256)
if os.fork() == 0:
    os.setsid()
    time.sleep(1000)
"""
_OTHERS: Final = """
import signal
attempt("pidfd", lambda: os.pidfd_open(@PID@))
for number in (@PID@, @PID@ + 1, -@PID@):
    attempt(f"process {number}", os.kill, number, 0)
attempt("queue", call, 129, @PID@, 10, 0)
attempt("tgkill", call, 234, @PID@, @PID@, 0)
attempt("limits", call, 302, @PID@, 7, 0, ctypes.create_string_buffer(16))
attempt("affinity", call, 203, @PID@, 8, ctypes.create_string_buffer(8))
"""

CASES: Final = (
    Case(
        "daemons that ignore everything and hold the output",
        python(_DAEMONS),
        says="started",
        ends=in_time,
        timeout_s=5,
    ),
    Case(
        "a daemon by nohup and setsid",
        "setsid nohup sh -c 'trap \"\" HUP INT TERM; while :; do sleep 1; done' & disown; echo left",
        says="left",
        ends=in_time,
        timeout_s=5,
    ),
    Case("a daemon under another name", python(_NAMELESS), ends=in_time, timeout_s=5),
    Case("a fork bomb", python(_FORKS), says="stopped after [0-9]+ EAGAIN", is_crowd=True, ends=badly),
    Case(
        "a fork bomb of the shell", ":() { : | : & }; :; sleep 1; exit 7", is_crowd=True, ends=at_its_limit, timeout_s=2
    ),
    Case("a bomb of threads", python(_THREADS), says="stopped after [0-9]+", is_crowd=True, ends=badly),
    Case("zombies", python(_ZOMBIES), says="stopped after [0-9]+ EAGAIN", is_crowd=True, ends=badly),
    Case("kill of everything", "sleep 100 & kill -9 -1; exit 7", ends=in_time, timeout_s=5),
    Case(
        "kill of process 1",
        "kill -9 1; kill -TERM 1; kill -STOP 1; kill -SEGV 1; sleep 0.1; echo alive; exit 7",
        ends=badly,
        timeout_s=8,
    ),
    Case("kill of the parent", "kill -9 $PPID; sleep 0.2; exit 7", ends=at_its_limit, timeout_s=8),
    Case("everything stopped", python(_FREEZE), says="stopping", ends=out_of_time, timeout_s=1.5),
    Case("process 1 stopped", "kill -STOP 1; echo still; kill -STOP $$", says="still", ends=out_of_time, timeout_s=1.5),
    Case(
        "a processor kept busy",
        "for i in 1 2 3 4; do while :; do :; done & done; while :; do :; done",
        ends=out_of_time,
        timeout_s=1.5,
    ),
    Case(
        "deaf to every signal",
        "trap '' HUP INT QUIT TERM USR1 USR2 PIPE ALRM TSTP; echo deaf; while :; do sleep 1; done",
        says="deaf",
        ends=out_of_time,
        timeout_s=1.5,
    ),
    Case("a pipe that nobody reads", "mkfifo p; cat < p", ends=out_of_time, timeout_s=1.5),
    Case("processes of the machine", python(_OTHERS), says="refused process @PID@ ESRCH", only_on="x86_64"),
    Case(
        "reading from the terminal of the server",
        "head -c 1 /dev/tty /dev/console /dev/pts/0 && echo ESCAPED",
        ends=badly,
    ),
    Case(
        "writing to the terminals of the machine",
        "for t in /dev/pts/* /dev/tty* /dev/console; do [ $t = /dev/pts/ptmx ] || "
        "{ echo hello > $t; } 2>/dev/null && [ $t != /dev/pts/ptmx ] && echo ESCAPED $t; done; wall hello; true",
    ),
    Case("a crash", "kill -SEGV $$", ends=badly),
    Case(
        "a crash that is dumped",
        "ulimit -c; ulimit -c unlimited && echo ESCAPED; python3 -c 'import os; os.abort()'; ls -la /tmp; exit 7",
        ends=badly,
    ),
    Case("a chain of exec", "i=${1:-0}; [ $i -lt 300 ] && exec bash -c 'exec bash -c \"exit 7\"'; exit 7", ends=badly),
)
