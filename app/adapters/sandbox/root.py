"""What stands in the box's own small root, and which variables a command sees there.

/repo          the work tree, writable             /cache      what installs leave for later commands, writable
/usr, /bin …   the machine's programs, read-only   /opt/minions/bin   uv and, if it is elsewhere, ripgrep
/tmp, /home/minion, /dev/shm   empty, small, gone with the command
"""

import hashlib
import os
import secrets
import shutil
import ssl
from pathlib import Path
from typing import Final

import uv

from app.core.sandbox import TREE

REPO: Final = TREE
CACHE: Final = "/cache"
HOME: Final = "/home/minion"
TOOLS: Final = "/opt/minions/bin"
EGRESS: Final = "/run/egress"
"""Folder with the socket of the proxy, while install commands run."""
BUNDLE: Final = "/run/ca.pem"
"""The machine's certificate authorities, while install commands run."""
PROXY: Final = "http://127.0.0.1:3128"

MIB: Final = 1024 * 1024
SCRATCH_BYTES: Final = 512 * MIB
"""Room in /tmp; half as much in the home folder and in /dev/shm. A C++ build's temporary files fit."""

ETC: Final = {
    "passwd": f"root:x:0:0:root:/:/usr/sbin/nologin\nminion:x:1000:1000:minion:{HOME}:/bin/bash\n",
    "group": "root:x:0:\nminion:x:1000:\n",
    "hosts": "127.0.0.1 localhost minion\n::1 localhost minion\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}
COPIED: Final = (
    *("ssl/openssl.cnf", "localtime", "os-release", "debian_version", "mime.types", "services", "protocols"),
)
"""Files of the machine's own /etc that programs need and that tell nothing about it; they hardly ever change."""
SHOWN: Final = ("alternatives", "ssl/certs", "pki/tls/certs", "ca-certificates", "ld.so.cache")
"""The like that packages change when they are installed: seen as they are when a command starts."""

SYSTEM_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

ENVIRONMENT: Final = {
    "PATH": f"{REPO}/.venv/bin:{REPO}/node_modules/.bin:{TOOLS}:{CACHE}/go/bin:{CACHE}/cargo/bin:{SYSTEM_PATH}",
    "HOME": HOME,
    "USER": "minion",
    "LANG": "C.UTF-8",
    "CI": "1",
    "PAGER": "cat",
    "NO_COLOR": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_CACHE_DIR": f"{CACHE}/pip",
    "UV_CACHE_DIR": f"{CACHE}/uv",
    "UV_LINK_MODE": "copy",  # the cache and the tree are different mounts
    "UV_PYTHON_DOWNLOADS": "never",
    "npm_config_cache": f"{CACHE}/npm",
    "npm_config_update_notifier": "false",
    "GOPATH": f"{CACHE}/go",
    "GOCACHE": f"{CACHE}/go-build",
    "GOTOOLCHAIN": "local",
    "CARGO_HOME": f"{CACHE}/cargo",
    "BUNDLE_USER_HOME": f"{CACHE}/bundle",
}
"""What every command sees. Caches lie in a folder that lasts as long as the run: what was installed can be used."""

OFFLINE: Final = {
    "UV_OFFLINE": "1",
    "PIP_RETRIES": "0",
    "npm_config_offline": "true",
    "pnpm_config_offline": "true",  # from its version 11 on, which reads no settings of npm
    "GOPROXY": "off",
    "GOFLAGS": "-mod=mod",
    "CARGO_NET_OFFLINE": "true",
}
"""Tells package tools at once what they would find out slowly."""


def online() -> dict[str, str]:
    """Variables while install commands run: the proxy, and whom to trust."""
    proxy = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), PROXY)
    none = dict.fromkeys(("NO_PROXY", "no_proxy"), "localhost,127.0.0.1,::1")
    trust = (
        *("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"),
        *("GIT_SSL_CAINFO", "CARGO_HTTP_CAINFO"),
    )
    return proxy | none | (dict.fromkeys(trust, BUNDLE) | {"UV_SYSTEM_CERTS": "1"} if bundle() else {})


def bundle() -> Path | None:
    """The machine's file of certificate authorities, if it has one."""
    paths = ssl.get_default_verify_paths()
    places = (paths.cafile, "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")
    return next((Path(place) for place in places if place and Path(place).is_file()), None)


class Root:
    """The parts of the root that lie in a folder of ours: small files of /etc, and tools."""

    def __init__(self, folder: Path) -> None:
        self._etc = folder / "etc"
        self._tools = folder / "tools"

    def prepare(self) -> None:
        """Write the files and copy the tools, unless they are there; safe in many processes and threads at once."""
        for folder in (self._etc, self._tools):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o755)
        for name, text in ETC.items():
            place(self._etc / name, text.encode(), 0o644)
        for name in COPIED:
            if (here := Path("/etc") / name).is_file():
                place(self._within_etc(name), here.read_bytes(), 0o644)
        for name in SHOWN:  # what is mounted needs a place
            if (here := Path("/etc") / name).is_dir():
                self._within_etc(f"{name}/any")
            elif here.is_file():
                place(self._within_etc(name), b"", 0o644)
        ripgrep = shutil.which("rg")
        for tool in (Path(uv.find_uv_bin()), Path(ripgrep) if ripgrep else None):
            if tool and not tool.resolve().is_relative_to("/usr"):
                install(tool, self._tools / tool.name)

    def _within_etc(self, name: str) -> Path:
        """Where a file of /etc goes, its folders made for everybody to read."""
        for folder in reversed(Path(name).parents):
            (self._etc / folder).mkdir(exist_ok=True)
            (self._etc / folder).chmod(0o755)
        return self._etc / name

    def arguments(self) -> list[str]:
        """What bwrap needs to hear about the root, without the work tree."""
        arguments = ["--ro-bind", "/usr", "/usr", "--dir", "/run", "--symlink", "/tmp", "/var/tmp"]  # noqa: S108 # inside
        for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
            here = Path("/") / name
            if here.is_symlink():
                arguments += ["--symlink", str(here.readlink()), f"/{name}"]
            elif here.is_dir():
                arguments += ["--ro-bind", f"/{name}", f"/{name}"]
        # One mount for all of it: each costs a command some tenths of a millisecond.
        arguments += ["--ro-bind", str(self._etc), "/etc"]
        for name in SHOWN:
            if (self._etc / name).exists():
                arguments += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
        arguments += ["--ro-bind", str(self._tools), TOOLS, "--proc", "/proc", "--dev", "/dev"]
        for place_, size in (("/dev/shm", SCRATCH_BYTES // 2), (HOME, SCRATCH_BYTES // 2), ("/tmp", SCRATCH_BYTES)):  # noqa: S108 # inside the box
            arguments += ["--size", str(size), "--tmpfs", place_]
        return [*arguments, "--remount-ro", "/dev"]


def place(path: Path, data: bytes, mode: int) -> None:
    """Write a file in one step, unless it says this already."""
    if path.exists() and path.read_bytes() == data:
        return
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    fresh.write_bytes(data)
    fresh.chmod(mode)
    fresh.replace(path)


def install(tool: Path, target: Path) -> None:
    """Copy a program in one step, unless the copy is as old and as big as it is."""
    source = tool.stat()
    if target.exists():
        copy = target.stat()
        if (copy.st_size, int(copy.st_mtime)) == (source.st_size, int(source.st_mtime)):
            return
    fresh = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    shutil.copyfile(tool, fresh)
    os.utime(fresh, (source.st_atime, source.st_mtime))
    fresh.chmod(0o755)
    fresh.replace(target)


def fingerprint() -> str:
    """A word for the programs that boxes see: another one when packages were installed or removed on the machine."""
    watched = ("/usr/bin", "/usr/lib", "/usr/local/bin", "/usr/local/lib", "/var/lib/dpkg/status", "/var/lib/rpm")
    times = [Path(place).stat().st_mtime_ns for place in watched if Path(place).exists()]
    return hashlib.sha256(repr((os.uname().machine, times)).encode()).hexdigest()[:16]
