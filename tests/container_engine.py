"""A container engine of the tests' own, and an image made of this machine's programs: no registry is asked."""

import json
import os
import re
import shutil
import socket
import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from docker import APIClient
from docker.errors import DockerException

IMAGE: Final = "minions-tests/programs:1"
OTHER_IMAGE: Final = "minions-tests/programs:2"
"""The same by another name."""
BARE_IMAGE: Final = "minions-tests/without-bash:1"
PROGRAMS: Final = (
    *("bash", "sh", "python3", "git", "ps", "sleep", "setsid", "nohup", "cat", "echo", "env", "head", "tail", "wc"),
    *("yes", "ls", "id", "dd", "touch", "mkdir", "rm", "mkfifo", "ln", "cp", "mv", "chmod", "stat", "sort", "cut"),
    *("grep", "sed", "find", "seq", "true", "false", "test", "printf", "mount", "umount", "unshare", "kill", "df"),
    *("uname", "hostname", "readlink", "tr", "xargs", "timeout", "tar", "gzip", "date", "mknod", "chroot", "nsenter"),
    *("su", "awk", "basename", "dirname", "expr", "pwd", "tee", "truncate", "sync", "whoami", "getent", "strace"),
    *("chown", "chgrp", "renice", "chrt", "ionice"),
)
"""What commands of the tests use; one that this machine does not have is not in the image either."""
NOT_WANTED: Final = re.compile(r"/(test|idlelib|lib2to3|tkinter|turtledemo|ensurepip|dist-packages)(/|$)")
"""Parts of Python's library that no test needs: two thirds of its size."""
GVISOR: Final = {
    "path": shutil.which("runsc"),
    # The last one lets install commands reach the socket that was bound into their container, and no other.
    "runtimeArgs": ["--network=none", "--platform=systrap", "--host-uds=open"],
}
START_S: Final = 60.0
READY_S: Final = 0.1


def why_not() -> str:
    """Why no engine can be started here; empty if one can."""
    if os.geteuid() != 0:
        return "only root can start a container engine"
    lacking = [name for name in ("dockerd", "containerd", "runc") if not shutil.which(name)]
    return f"{', '.join(lacking)} is missing: apt-get install docker.io" if lacking else ""


def why_no_gvisor() -> str:
    """Why there is no gVisor to try; empty if there is one."""
    if not shutil.which("runsc"):
        return "runsc is missing: apt-get install -t bookworm-backports runsc"
    said = subprocess.run(["runsc", "flags"], check=False, capture_output=True, text=True)
    return "" if "-host-uds" in said.stdout + said.stderr else "runsc is too old: it has no --host-uds"


@contextmanager
def engine(folder: Path) -> Iterator[str]:
    """Run dockerd with everything of its own under `folder`; its address. Nothing of it is left afterwards."""
    folder.mkdir(parents=True)
    host = f"unix://{folder}/socket"
    command = [
        *("setpriv", "--pdeathsig", "TERM", "--"),  # whatever becomes of the tests
        *("dockerd", "--host", host, "--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec"),
        *("--pidfile", f"{folder}/pid", "--config-file", f"{folder}/daemon.json", "--bridge", "none"),
        *("--iptables=false", "--ip6tables=false"),
    ]
    (folder / "daemon.json").write_text(json.dumps({"runtimes": {"runsc": GVISOR} if not why_no_gvisor() else {}}))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        try:
            _wait(process, folder / "socket", folder / "log")
            yield host
        finally:
            _stop(process, host)
            _unmount(folder)
            shutil.rmtree(folder, ignore_errors=True)


def make_images(host: str, folder: Path) -> None:
    """Import the image of this machine's programs, and one that holds nothing that could run a command."""
    client = APIClient(base_url=host, version="auto")
    try:
        for name, pack in ((IMAGE, _pack), (BARE_IMAGE, _pack_nothing)):
            with tarfile.open(folder / "image.tar", "w") as archive:
                pack(archive)
            repository, _, tag = name.rpartition(":")
            client.import_image_from_file(
                str(folder / "image.tar"),
                repository=repository,
                tag=tag,
                changes=["ENV PATH=/opt/of-the-image/bin:/usr/bin", "ENV FROM_IMAGE=yes", "VOLUME /data"],
            )
            (folder / "image.tar").unlink()
        repository, _, tag = OTHER_IMAGE.rpartition(":")
        client.tag(IMAGE, repository, tag)
    finally:
        client.close()


def _wait(process: subprocess.Popen[bytes], place: Path, log: Path) -> None:
    """Until somebody listens at the socket, which is when the engine is ready."""
    end = time.monotonic() + START_S
    while time.monotonic() < end and process.poll() is None:
        with socket.socket(socket.AF_UNIX) as probe, suppress(OSError):
            probe.connect(str(place))
            return
        time.sleep(READY_S)
    raise RuntimeError(f"dockerd did not start: {log.read_text(errors='replace')[-2_000:]}")


def _stop(process: subprocess.Popen[bytes], host: str) -> None:
    with suppress(DockerException, OSError):
        client = APIClient(base_url=host, version="auto", timeout=30)
        for container in client.containers(all=True):
            client.remove_container(container["Id"], v=True, force=True)
        client.close()
    process.terminate()
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _unmount(folder: Path) -> None:
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for place in sorted((place for place in mounts if place.startswith(f"{folder}/")), reverse=True):
        subprocess.run(["umount", "--lazy", place], check=False)


def _pack(archive: tarfile.TarFile) -> None:
    for name in ("bin", "sbin", "lib", "lib64"):
        link = tarfile.TarInfo(name)
        link.type, link.linkname = tarfile.SYMTYPE, f"usr/{name}"
        archive.addfile(link)
    wanted = {Path(found) for name in PROGRAMS if (found := shutil.which(name, path="/usr/bin:/bin:/usr/sbin"))}
    files: dict[str, Path] = {}
    for program in wanted:
        files[f"usr/bin/{program.name}"] = program.resolve()
    asked = ["/usr/bin/python3", "-c", "import sysconfig; print(sysconfig.get_path('stdlib'))"]
    library = Path(subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip())
    for path in library.rglob("*"):
        if path.is_file() and not NOT_WANTED.search(str(path).removeprefix(str(library))):
            files[str(path).lstrip("/")] = path
    loaded = [path for path in files.values() if path.suffix == ".so" or path.parent.name == "bin"]
    said = subprocess.run(["ldd", *map(str, loaded)], check=False, capture_output=True, text=True).stdout
    for path in set(re.findall(r"(?:=> |^\s*)(/\S+) \(0x", said, re.MULTILINE)):
        files[f"usr/{path.removeprefix('/usr').lstrip('/')}"] = Path(path)
    for name, path in sorted(files.items()):
        archive.add(path.resolve(), name, recursive=False)
    folder = tarfile.TarInfo("tmp")
    folder.type, folder.mode = tarfile.DIRTYPE, 0o1777
    archive.addfile(folder)


def _pack_nothing(archive: tarfile.TarFile) -> None:
    folder = tarfile.TarInfo("data")
    folder.type, folder.mode = tarfile.DIRTYPE, 0o755
    archive.addfile(folder)
