"""What a container is allowed, as the engine's own words."""

import math
import os
import posixpath
from collections.abc import Mapping, Sequence
from typing import Any, Final

from docker import APIClient
from docker.types import LogConfig, Mount, Ulimit

from app.adapters.sandbox.box import Mounts
from app.adapters.sandbox.containers.engine import Image
from app.adapters.sandbox.limits import Limits
from app.adapters.sandbox.root import HOME, REPO, SCRATCH_BYTES
from app.adapters.sandbox.users import GROUP

MASKED: Final = (
    # Hardware and control groups of the machine, and a place to leave messages.
    *("/sys", "/dev/mqueue"),
    # What engines mask by themselves, unless they are told what to mask.
    *("/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys"),
    *("/proc/latency_stats", "/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats"),
)
"""Places that are empty inside. https://github.com/opencontainers/runtime-spec/blob/main/config-linux.md"""
ONE_STREAM: Final = ("/bin/bash", "-c", 'exec "$@" 2>&1', "minion")
"""The engine reads two pipes and cannot know what came first; this makes them one."""


def options(
    api: APIClient,
    image: Image,
    command: Sequence[str],
    mounts: Mounts,
    *,
    environment: Mapping[str, str],
    user: int | None,
    limits: Limits,
    labels: Mapping[str, str],
    filter_: str,
    runtime: str,
    is_fed: bool,
) -> dict[str, Any]:
    """Arguments for `APIClient.create_container`. `user` is the one that was lent; None means this server's own.

    `is_fed` says that the command is given an input.
    """
    owner, group = (os.geteuid(), os.getegid()) if user is None else (user, GROUP)
    address_space = max(limits.address_space_bytes, limits.memory_bytes)
    mode = f"uid={owner},gid={group},mode=0700"
    scratch = {
        "/tmp": f"rw,exec,nosuid,nodev,mode=1777,size={SCRATCH_BYTES}",  # noqa: S108 # inside
        "/var/tmp": f"rw,exec,nosuid,nodev,mode=1777,size={SCRATCH_BYTES // 2}",  # noqa: S108 # inside
        HOME: f"rw,exec,nosuid,nodev,{mode},size={SCRATCH_BYTES // 2}",
        # Else each would be a folder of the engine's own disk, as large as it likes.
        **dict.fromkeys(_volumes(image, mounts), f"rw,exec,nosuid,nodev,{mode},size={SCRATCH_BYTES // 2}"),
    }
    host = api.create_host_config(
        network_mode="none",
        # Without these the engine copies the host's own name servers and search domains into the container.
        dns=["127.0.0.1"],
        dns_search=["."],
        extra_hosts={"minion": "127.0.0.1"},
        cap_drop=["ALL"],
        security_opt=["no-new-privileges:true", f"seccomp={filter_}"],
        read_only=True,
        ipc_mode="private",
        init=True,  # reaps, and is the first process: as that, bash would not die of a signal that it sends itself
        mounts=[
            Mount(place, str(folder), type="bind", read_only=not is_writable)
            for is_writable, places in ((True, mounts.writable), (False, mounts.readable))
            for place, folder in places.items()
        ],
        tmpfs=scratch,
        shm_size=SCRATCH_BYTES // 2,
        mem_limit=limits.memory_bytes,
        memswap_limit=limits.memory_bytes,  # of both together, so none
        pids_limit=limits.processes,
        nano_cpus=math.floor(min(limits.cpus, os.cpu_count() or 1) * 10**9),
        ulimits=[
            Ulimit(name="nofile", soft=limits.open_files, hard=limits.open_files),
            Ulimit(name="fsize", soft=limits.file_bytes, hard=limits.file_bytes),
            Ulimit(name="as", soft=address_space, hard=address_space),
            Ulimit(name="core", soft=1, hard=1),  # byte: with 0 a program that takes dumps still starts, as root
        ],
        log_config=LogConfig(type=LogConfig.types.NONE, config={}),
        restart_policy={"Name": "no"},
        runtime=runtime or None,
    )
    host["MaskedPaths"] = list(MASKED)
    return {
        "image": image.id,
        "entrypoint": list(ONE_STREAM),
        "command": list(command),
        "working_dir": REPO,
        "hostname": "minion",
        "user": f"{owner}:{group}",
        "environment": dict(environment),
        "labels": dict(labels),
        "healthcheck": {"test": ["NONE"]},
        "stdin_open": is_fed,
        "host_config": host,
        "use_config_proxy": False,  # the operator's own proxy, and its password, are none of a box's business
    }


def _volumes(image: Image, mounts: Mounts) -> list[str]:
    """Those of the image that nothing of ours stands at."""
    taken = {"/", "/tmp", "/var/tmp", HOME, *mounts.writable, *mounts.readable}  # noqa: S108 # inside
    return [volume for volume in map(posixpath.normpath, image.volumes) if volume not in taken]


def accounts(user: int | None) -> tuple[str, str]:
    """What /etc/passwd and /etc/group say in the container of this user."""
    owner, group = (os.geteuid(), os.getegid()) if user is None else (user, GROUP)
    return (
        f"root:x:0:0:root:/:/usr/sbin/nologin\nminion:x:{owner}:{group}:minion:{HOME}:/bin/bash\n",
        f"root:x:0:\nminion:x:{group}:\n",
    )
