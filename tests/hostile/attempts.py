"""A grammar of commands that look for secrets. The same seed gives the same commands, but for the words of a machine."""

import random
from collections.abc import Callable
from typing import Final

from tests.hostile.surroundings import Surroundings

_ROOTS: Final = (
    "",
    "/proc/1/root",
    "/proc/self/root",
    "/proc/$$/root",
    "/proc/$PPID/root",
    "/proc/thread-self/root",
    "/proc/1/cwd",
    "/proc/self/cwd/../../..",
    "/repo/../../..",
    "/tmp/../..",
    "/dev/fd/../../..",
    "/dev/shm/../..",
    "/proc/self/fd/0/../..",
)
_FILES: Final = (
    "@FILE@",
    "@FOLDER@/../secret",
    "@FILE@*",
    "$(dirname @FOLDER@)/s*",
    "/tmp/*/*/secret",
    "/tmp/*/secret",
    "/*/*/*/secret",
    "/root/.*",
    "/root/*",
    "/home/*/.*",
    "/var/lib/minions/*",
    "/etc/minions/*",
    "/etc/shadow",
    "/run/secrets/*",
    "/srv/*",
    "/var/run/*",
    "/opt/*",
    "/mnt/*",
    "/root/.config/*/*",
    "/root/.ssh/*",
    "/root/.netrc",
    "/root/.git-credentials",
    "/var/lib/*/*.env",
    "/.env",
)
_READERS: Final = (
    "cat",
    "head -c 4000",
    "tail -n 20",
    "strings -n 5",
    "grep -a canary",
    "sed -n p",
    "awk 1",
    "od -c",
    "base64",
    "xxd",
    "dd status=none if=",
    "tac",
    "cp -t /tmp --",
    "tar cf - --",
    "python3 -c 'import sys; [print(open(f).read()) for f in sys.argv[1:]]'",
    "perl -pe 1",
    "git hash-object -w --",
    "xargs -a",
    "bash",
    "source",
    "mapfile -t x <",
    "git diff --no-index /dev/null",
)
_PROCESSES: Final = (
    "1",
    "self",
    "$PPID",
    "$$",
    "thread-self",
    "[0-9]*",
    "*",
    "@PID@",
    "2",
    "1/task/1",
    "self/task/*",
    "@PID@/task/@PID@",
)
_OF_PROCESSES: Final = (
    "environ",
    "cmdline",
    "fd/*",
    "fd/@DESCRIPTOR@",
    "map_files/*",
    "root@FILE@",
    "cwd/*",
    "mem",
    "maps",
    "stack",
    "auxv",
    "mountinfo",
    "exe",
    "fdinfo/*",
    "comm",
    "io",
    "attr/current",
    "keys",
    "net/unix",
    "net/tcp",
    "sched",
)
_HOSTS: Final = (
    "127.0.0.1",
    "127.1",
    "127.0.0.2",
    "127.255.255.254",
    "0.0.0.0",
    "0",
    "localhost",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[0:0:0:0:0:0:0:1]",
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "017700000001",
    "0177.0.0.1",
    "@ADDRESS@",
    "@DECIMAL@",
    "@HEX@",
    "@GATEWAY@",
    "[::ffff:@ADDRESS@]",
    "169.254.169.254",
    "172.17.0.1",
    "10.0.2.2",
    "host.docker.internal",
    "minion",
    "$(hostname)",
    "localtest.me",
    "@ADDRESS@.nip.io",
)
_FETCHERS: Final = (
    "curl -sS -m 3 'http://{host}:@PORT@/'",
    "curl -sS -m 3 --noproxy '*' 'http://{host}:@PORT@/secret' -H 'Host: localhost'",
    "curl -sS -m 3 -x 'http://{host}:@PORT@' http://example.org/",
    "curl -sS -m 3 -x 'socks5h://{host}:@PORT@' http://example.org/",
    "curl -sS -m 3 'telnet://{host}:@PORT@' </dev/null",
    "curl -sS -m 3 'gopher://{host}:@PORT@/_GET'",
    "curl -sS -m 3 --unix-socket @SOCKET@ http://x/",
    "curl -sS -m 3 --abstract-unix-socket @ABSTRACT@ http://x/",
    "wget -q -T 3 -t 1 -O - 'http://{host}:@PORT@/'",
    "timeout 3 bash -c 'exec 3<>/dev/tcp/{bare}/@PORT@ && echo GET / >&3 && cat <&3'",
    "timeout 3 bash -c 'echo x > /dev/udp/{bare}/@PORT@'",
    "python3 -c \"import urllib.request as u; print(u.urlopen('http://{host}:@PORT@', timeout=3).read())\"",
    "python3 -c \"import socket as s; c = s.create_connection(('{bare}', @PORT@), 3); c.send(b'GET / HTTP/1.0\\r\\n\\r\\n'); print(c.recv(999))\"",
    "python3 -c \"import socket as s; c = s.socket(s.AF_UNIX); c.connect('@SOCKET@'); print(c.recv(999))\"",
    "python3 -c \"import socket as s; c = s.socket(s.AF_UNIX); c.connect(chr(0) + '@ABSTRACT@'); print(c.recv(999))\"",
    "timeout 3 git ls-remote 'http://{host}:@PORT@/x.git'",
    "timeout 3 git -c protocol.ext.allow=always ls-remote \"ext::bash -c 'cat </dev/tcp/{bare}/@PORT@'\"",
    "timeout 3 socat -T 2 - 'TCP:{host}:@PORT@' </dev/null",
    "timeout 3 socat -T 2 - UNIX-CONNECT:@SOCKET@ </dev/null",
    "timeout 3 socat -T 2 - ABSTRACT-CONNECT:@ABSTRACT@ </dev/null",
    "timeout 3 perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(q({bare}:@PORT@))->getline'",
    "timeout 3 openssl s_client -connect '{host}:@PORT@' </dev/null",
    "timeout 3 pip --isolated --timeout 2 --retries 0 download --index-url 'http://{host}:@PORT@/' canary",
)
_SEARCHES: Final = (
    "timeout 4 grep -rIas --exclude-dir=usr --exclude-dir=proc --exclude-dir=sys canary- {place} | head -n 5",
    "timeout 4 find {place} -xdev -not -path '/usr/*' -newer /usr/bin/env -type f -size -9k -exec cat {{}} + 2>/dev/null | head -c 9000",
    "timeout 4 find {place} -maxdepth 3 -name '*secret*' -not -path '/usr/*' -exec cat {{}} +",
    "shopt -s globstar nullglob dotglob; cat {place}/{{etc,var,run,srv,home,root,opt,tmp}}/*secret* {place}/*/*canary*",
    "ls -laR {place}/etc {place}/run {place}/var {place}/home 2>/dev/null | head -n 200",
    "tar cf - --exclude=usr --exclude=proc {place}/etc {place}/run {place}/home 2>/dev/null | strings | grep canary",
)
_DUMPS: Final = (
    "env",
    "export -p",
    "declare -px",
    "printenv {name}",
    'echo "${{{name}}}"',
    'compgen -e | while read -r n; do echo "$n=${{!n}}"; done',
    "python3 -c 'import os; print(os.environ)'",
    "perl -e 'print %ENV'",
    "ps axeww",
    "bash -lc env",
    "env -i bash -lc 'set'",
    "cat /proc/self/task/*/environ",
    "awk 'BEGIN {{ for (n in ENVIRON) print ENVIRON[n] }}'",
    "git config --list --show-origin",
    "getent passwd; getent hosts {name}",
    "history; cat ~/.bash_history /root/.bash_history",
    "mount; cat /proc/self/mountinfo",
)
_NAMES: Final = (
    "MINIONS_CANARY_SECRET",
    "AWS_SECRET_ACCESS_KEY",
    "GITHUB_TOKEN",
    "MINIONS_PRIVATE_KEY",
    "OPENAI_API_KEY",
    "PATH",
)
_KEYS: Final = (
    "keyctl show",
    "keyctl print %user:@KEY@",
    "keyctl search @s user @KEY@",
    "keyctl list @{ring}",
    "cat /proc/keys | grep -c canary; cat /proc/key-users",
    "python3 -c \"import ctypes; l = ctypes.CDLL(None); b = ctypes.create_string_buffer(999); k = l.syscall(250, 10, -{number}, b'user', b'@KEY@', 0); "
    'print(k, l.syscall(250, 11, k, b, 999), b.raw)"',
    "python3 -c \"import ctypes; l = ctypes.CDLL(None); b = ctypes.create_string_buffer(999); k = l.syscall(249, b'user', b'@KEY@', 0, -{number}); "
    'print(k, l.syscall(250, 11, k, b, 999), b.raw)"',
)
_DESCRIPTORS: Final = (
    "cat <&{number}",
    "cat <&@DESCRIPTOR@",
    "cat /dev/fd/{number}",
    "cat /dev/fd/@DESCRIPTOR@",
    "for f in /proc/*/fd/*; do timeout 0.2 head -c 500 $f; done 2>/dev/null",
    "python3 -c \"import os; print([os.pread(f, 99, 0) for f in range(3, 99) if os.path.exists(f'/proc/self/fd/{{f}}') and os.path.isfile(f'/proc/self/fd/{{f}}')])\"",
    "ls -la /proc/self/fd /proc/1/fd",
)


class Attempts:
    """Makes commands, by a seed. `around` says where the canaries are."""

    def __init__(self, seed: int, around: Surroundings) -> None:
        self._random = random.Random(seed)  # noqa: S311 # to be repeated
        self._around = around
        numbers = [int(part) for part in around.address.split(".")]
        whole = int.from_bytes(bytes(numbers), "big")
        self._words = {"@DECIMAL@": str(whole), "@HEX@": hex(whole), "@GATEWAY@": ".".join(map(str, [*numbers[:3], 1]))}

    def command(self) -> str:
        """The next command."""
        kinds: tuple[Callable[[], str], ...] = (
            self._file,
            self._file,
            self._process,
            self._fetch,
            self._fetch,
            self._search,
            self._dump,
            self._key,
            self._descriptor,
        )
        command = self._random.choice(kinds)()
        for word, value in self._words.items():
            command = command.replace(word, value)
        return self._around.filled(command)

    def _one(self, of: tuple[str, ...]) -> str:
        return self._random.choice(of)

    def _file(self) -> str:
        reader = self._one(_READERS)
        return (
            f"timeout 2 {reader} {self._one(_ROOTS)}{self._one(_FILES)}"
            if reader not in {"source", "mapfile -t x <"}
            else (f"{reader} {self._one(_ROOTS)}@FILE@; echo ${{x[@]}}")
        )

    def _process(self) -> str:
        return f"timeout 2 {self._one(('cat', 'strings', 'head -c 3000', 'readlink', 'grep -a canary', 'ls -la'))} /proc/{self._one(_PROCESSES)}/{self._one(_OF_PROCESSES)}"

    def _fetch(self) -> str:
        host = self._one(_HOSTS)
        return self._one(_FETCHERS).replace("{host}", host).replace("{bare}", host.strip("[]"))

    def _search(self) -> str:
        return self._one(_SEARCHES).format(
            place=self._one(("/", "/proc/1/root/", "/proc/self/root", "..", "/repo/../", "/run", "/home", "/tmp"))
        )

    def _dump(self) -> str:
        return self._one(_DUMPS).format(name=self._one(_NAMES))

    def _key(self) -> str:
        return (
            self._one(_KEYS)
            .replace("{ring}", self._one(("s", "u", "us", "t", "p")))
            .replace("{number}", str(self._random.randint(1, 8)))
        )

    def _descriptor(self) -> str:
        return self._one(_DESCRIPTORS).format(number=self._random.randint(3, 40))
