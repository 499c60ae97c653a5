"""The image, by what its Dockerfile says, and what else says how it is run."""

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from app.adapters.sandbox.bubblewrap.machine import PACKAGES
from app.adapters.sandbox.bubblewrap.seccomp import REFUSED

pytestmark = pytest.mark.house
ROOT: Final = Path(__file__).parents[2]
LINES: Final = (ROOT / "Dockerfile").read_text("utf-8").replace("\\\n", " ").splitlines()
LAST: Final = LINES[max(number for number, line in enumerate(LINES) if line.startswith("FROM")) :]
"""The stage that is shipped."""
BOXES_NEED: Final = {
    *("mount", "umount", "umount2", "pivot_root", "chroot", "unshare", "setns", "sethostname"),
    # What newer programs mount by.
    *("fsopen", "fsconfig", "fsmount", "fspick", "move_mount", "open_tree", "mount_setattr"),
}
"""What is refused in a box, and used to make one."""
AF_VSOCK: Final = 40


def test_every_stage_begins_with_one_base_that_is_named_by_its_digest() -> None:
    stages = [line.split()[1] for line in LINES if line.startswith("FROM")]
    assert stages == ["${BASE}", "${BASE}"]
    assert re.search(r"(?m)^ARG BASE=debian:\w+-slim@sha256:[0-9a-f]{64}$", "\n".join(LINES))


def test_it_is_run_by_the_user_whom_kubernetes_expects() -> None:
    made = next(line for line in LAST if "useradd" in line)
    number = re.search(r"--uid (\d+) (\w+)", made)
    assert number
    assert [line for line in LAST if line.startswith("USER")] == [f"USER {number[2]}"]
    for name in ("web", "worker"):
        thing = next(yaml.safe_load_all((ROOT / f"manifests/kubernetes/{name}.yaml").read_text("utf-8")))
        assert thing["spec"]["template"]["spec"]["securityContext"]["runAsUser"] == int(number[1])


def test_it_has_every_program_that_make_install_would_look_for() -> None:
    installed = set(next(line for line in LAST if "apt-get install" in line).split())
    makefile = re.search(r"(?m)^PACKAGES := (.*)$", (ROOT / "Makefile").read_text("utf-8"))
    assert makefile
    assert {*makefile[1].split(), *PACKAGES.values()} - {"bash"} <= installed  # which every Debian has


def test_uv_is_the_one_of_the_lock_file() -> None:
    lock = (ROOT / "uv.lock").read_text("utf-8")
    locked = re.search(r'name = "uv"\nversion = "([^"]+)"', lock)
    assert locked
    assert f"uv=={locked[1]}" in "\n".join(LINES)


def test_what_it_writes_to_is_mounted_everywhere() -> None:
    home = next(line.split()[1] for line in LAST if line.startswith("VOLUME"))
    compose: dict[str, Any] = yaml.safe_load((ROOT / "manifests/compose.yaml").read_text("utf-8"))
    for name in ("minions", "worker"):
        service = compose["services"][name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["tmpfs"] == ["/tmp:exec"]  # noqa: S108
        assert [one.partition(":")[2] for one in service["volumes"]] == [home]
        thing = next(yaml.safe_load_all((ROOT / f"manifests/kubernetes/{_kind(name)}.yaml").read_text("utf-8")))
        mounts = thing["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]
        assert {one["mountPath"] for one in mounts} == {"/tmp", home}  # noqa: S108


def _kind(service: str) -> str:
    return "web" if service == "minions" else service


def test_the_profile_refuses_what_boxes_refuse_but_what_makes_them() -> None:
    profile = json.loads((ROOT / "manifests/seccomp.json").read_text("utf-8"))
    plain, sockets = profile["syscalls"]
    assert profile["defaultAction"] == "SCMP_ACT_ALLOW"
    assert {plain["action"], sockets["action"]} == {"SCMP_ACT_ERRNO"}
    assert plain["names"] == sorted(set(REFUSED) - BOXES_NEED)
    assert sockets["args"] == [{"index": 0, "value": AF_VSOCK, "op": "SCMP_CMP_EQ"}]


def test_every_place_that_tells_how_it_is_run_tells_the_same() -> None:
    compose = yaml.safe_load((ROOT / "manifests/compose.yaml").read_text("utf-8"))
    said = set(compose["services"]["minions"]["security_opt"])
    shown = re.findall(r"--security-opt (\S+)", (ROOT / "docs/operating.md").read_text("utf-8"))
    assert {one.replace("./", "manifests/") for one in said} == set(shown)
