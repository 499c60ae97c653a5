# ruff: noqa: E501 - a case is a line
"""What lock files say of contents: another one of a version that stayed is seen, whatever else changed."""

import json
import tomllib

import pytest

from app.guards.digests import changed, tells
from tests.guards.changes import stops

pytestmark = pytest.mark.gates

A, B, EVIL = "a" * 64, "b" * 64, "e" * 64
UV = f"""[[package]]
name = "greet"
version = "1.0.0"
source = {{ registry = "https://pypi.org/simple" }}
sdist = {{ url = "https://files.pythonhosted.org/packages/aa/greet-1.0.0.tar.gz", hash = "sha256:{A}", size = 5 }}
wheels = [
    {{ url = "https://files.pythonhosted.org/packages/bb/greet-1.0.0-py3-none-any.whl", hash = "sha256:{B}", size = 5 }},
]
"""
POETRY = f"""[[package]]
name = "greet"
version = "1.0.0"
files = [
    {{file = "greet-1.0.0-py3-none-any.whl", hash = "sha256:{A}"}},
    {{file = "greet-1.0.0.tar.gz", hash = "sha256:{B}"}},
]
"""
OLD_POETRY = f"""[[package]]
name = "greet"
version = "1.0.0"

[metadata.files]
greet = [
    {{file = "greet-1.0.0.tar.gz", hash = "sha256:{A}"}},
]
"""
PIPFILE = json.dumps(
    {
        "_meta": {"hash": {"sha256": B}},
        "default": {"greet": {"hashes": [f"sha256:{A}", f"sha256:{B}"], "version": "==1.0.0"}},
        "develop": {},
    },
    indent=4,
)
REQUIREMENTS = f"""greet[loud]==1.0.0 ; python_version >= "3.9" \\
    --hash=sha256:{A} \\
    --hash=sha256:{B}
    # via shop
other==2.0 --hash=sha256:{B}
"""
NPM = json.dumps(
    {
        "lockfileVersion": 3,
        "packages": {
            "": {"name": "shop"},
            "node_modules/greet": {"version": "1.0.0", "integrity": f"sha512-{A}"},
            "node_modules/other": {"version": "2.0.0", "integrity": f"sha512-{B}"},
            "node_modules/other/node_modules/greet": {"version": "1.0.0", "integrity": f"sha512-{A}"},
        },
    },
    indent=2,
)
OLD_NPM = json.dumps(
    {
        "lockfileVersion": 1,
        "dependencies": {
            "other": {
                "version": "2.0.0",
                "integrity": f"sha512-{B}",
                "dependencies": {"greet": {"version": "1.0.0", "integrity": f"sha512-{A}"}},
            }
        },
    },
    indent=2,
)
YARN = f"""# yarn lockfile v1


"@acme/greet@^1.0.0", "@acme/greet@^1.0.0-0":
  version "1.0.0"
  resolved "https://registry.yarnpkg.com/@acme/greet/-/greet-1.0.0.tgz#{B}"
  integrity sha512-{A}
  dependencies:
    other "^2.0.0"
"""
BERRY = f"""__metadata:
  version: 8
  cacheKey: 10c0

"@acme/greet@npm:^1.0.0":
  version: 1.0.0
  resolution: "@acme/greet@npm:1.0.0"
  checksum: 10c0/{A}
  languageName: node
  linkType: hard
"""
PNPM = f"""lockfileVersion: '9.0'

importers:

  .:
    dependencies:
      '@acme/greet':
        specifier: 1.0.0
        version: 1.0.0

packages:

  '@acme/greet@1.0.0':
    resolution: {{integrity: sha512-{A}}}
    engines: {{node: '>=18'}}

  other@2.0.0:
    resolution: {{integrity: sha512-{B}}}

snapshots:

  '@acme/greet@1.0.0': {{}}

  other@2.0.0: {{}}
"""
OLD_PNPM = f"""lockfileVersion: 5.4

packages:

  /@acme/greet/1.0.0:
    resolution: {{integrity: sha512-{A}}}
    dev: false
"""
CARGO = f"""version = 3

[[package]]
name = "greet"
version = "1.0.0"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "{A}"

[[package]]
name = "shop"
version = "0.1.0"
"""
OLD_CARGO = f"""[[package]]
name = "greet"
version = "1.0.0"

[metadata]
"checksum greet 1.0.0 (registry+https://github.com/rust-lang/crates.io-index)" = "{A}"
"""
GO = f"""example.com/greet v1.0.0 h1:{A}=
example.com/greet v1.0.0/go.mod h1:{B}=
"""
LOCKS = {
    "uv": ("uv.lock", UV, "greet-1.0.0.tar.gz"),
    "poetry": ("libs/poetry.lock", POETRY, "greet-1.0.0-py3-none-any.whl"),
    "poetry, older": ("poetry.lock", OLD_POETRY, "greet-1.0.0.tar.gz"),
    "pdm": ("pdm.lock", POETRY, "greet-1.0.0-py3-none-any.whl"),
    "pipenv": ("Pipfile.lock", PIPFILE, "greet ==1.0.0"),
    "requirements": ("requirements.txt", REQUIREMENTS, "greet 1.0.0"),
    "requirements for development": ("requirements-dev.txt", REQUIREMENTS, "greet 1.0.0"),
    "npm": ("package-lock.json", NPM, "greet 1.0.0"),
    "npm, older": ("npm-shrinkwrap.json", OLD_NPM, "greet 1.0.0"),
    "yarn": ("yarn.lock", YARN, "@acme/greet 1.0.0"),
    "yarn, newer": ("yarn.lock", BERRY, "@acme/greet 1.0.0"),
    "pnpm": ("pnpm-lock.yaml", PNPM, "@acme/greet@1.0.0"),
    "pnpm, older": ("pnpm-lock.yaml", OLD_PNPM, "@acme/greet/1.0.0"),
    "cargo": ("Cargo.lock", CARGO, "greet 1.0.0 registry+https://github.com/rust-lang/crates.io-index"),
    "cargo, older": (
        "Cargo.lock",
        OLD_CARGO,
        "checksum greet 1.0.0 (registry+https://github.com/rust-lang/crates.io-index)",
    ),
    "go": ("go.sum", GO, "example.com/greet v1.0.0"),
}
NO_TOOL_WRITES: dict[str, tuple[str, str, str]] = {
    "in one place of two": ("package-lock.json", NPM, NPM[::-1].replace(A[::-1], EVIL, 1)[::-1]),
    "beside the right one": ("go.sum", GO, f"{GO}example.com/greet v1.0.0 h1:{EVIL}=\n"),
    "instead of one of two": ("requirements.txt", REQUIREMENTS, REQUIREMENTS.replace(f"--hash=sha256:{A}", f"--hash=sha256:{EVIL}")),
    "by another spelling": ("requirements.txt", REQUIREMENTS, REQUIREMENTS.replace("greet[loud]==1.0.0", "Greet == 1.0.0").replace(A, EVIL)),
    "in quoted keys": ("Cargo.lock", CARGO, CARGO.replace(f'checksum = "{A}"', f"'checksum' = '{EVIL}'")),
    "in a block": ("pnpm-lock.yaml", PNPM, PNPM.replace(f"{{integrity: sha512-{A}}}", f"\n      'integrity': \"{EVIL}\"")),
    "of no digest": ("package-lock.json", NPM, NPM.replace(f"sha512-{A}", "")),
    "of no digest, of yarn": ("yarn.lock", YARN, YARN.replace(f"  integrity sha512-{A}\n", "").replace(f"#{B}", "")),
    "of no digest, of pnpm": ("pnpm-lock.yaml", PNPM, PNPM.replace(f"integrity: sha512-{A}", "")),
    "of no digest, of cargo": ("Cargo.lock", CARGO, CARGO.replace(f'checksum = "{A}"\n', "")),
    "of no digest, of pip": ("requirements.txt", REQUIREMENTS, REQUIREMENTS.replace(f" \\\n    --hash=sha256:{A} \\\n    --hash=sha256:{B}", "")),
}  # fmt: skip


@pytest.mark.parametrize("case", LOCKS)
def test_another_content_of_the_same_version_is_seen(case: str) -> None:
    path, before, name = LOCKS[case]
    assert tells(path)
    assert changed(path, before, before.replace(A, EVIL)) == [name]


@pytest.mark.parametrize("case", LOCKS)
def test_another_version_has_another_content_and_a_new_file_has_nothing_before_it(case: str) -> None:
    path, before, _ = LOCKS[case]
    assert changed(path, before, before) == []
    assert changed(path, "", before) == []
    assert changed(path, before, "") == []
    newer = before.replace("1.0.0", "1.0.1").replace(A, EVIL)
    assert changed(path, before, newer.replace(B, EVIL) if path == "go.sum" else newer) == []


@pytest.mark.parametrize("case", NO_TOOL_WRITES)
def test_another_content_is_seen_however_it_is_written(case: str) -> None:
    path, before, after = NO_TOOL_WRITES[case]
    assert before != after
    found = changed(path, before, after)
    assert found
    assert "greet" in found[0]


def test_a_wheel_that_came_later_and_one_that_went_are_no_other_content() -> None:
    more = f'{{ url = "https://files.pythonhosted.org/packages/cc/greet-1.0.0-cp313.whl", hash = "sha256:{EVIL}" }}'
    assert changed("uv.lock", UV, UV.replace("wheels = [\n", f"wheels = [\n    {more},\n")) == []
    assert changed("requirements.txt", REQUIREMENTS, REQUIREMENTS.replace(f"--hash=sha256:{A}", f"--hash=sha256:{A} --hash=sha256:{EVIL}")) == []  # fmt: skip
    assert changed("requirements.txt", REQUIREMENTS, REQUIREMENTS.replace(f"--hash=sha256:{A} \\\n    ", "")) == []


@pytest.mark.parametrize("text", ["[[package", "{", "[" * 100_000, f"a{'.a' * 50_000} = 1"])
@pytest.mark.parametrize("path", ["uv.lock", "Cargo.lock", "package-lock.json", "Pipfile.lock"])
def test_what_cannot_be_read_any_more_is_told(path: str, text: str) -> None:
    before = {"uv.lock": UV, "Cargo.lock": CARGO, "package-lock.json": NPM, "Pipfile.lock": PIPFILE}[path]
    assert changed(path, before, text) is None
    assert changed(path, text, before) == []
    assert changed(path, text, text) == []


@pytest.mark.parametrize("case", LOCKS)
async def test_a_digest_that_changed_goes_back_and_a_person_may_allow_it(case: str) -> None:
    path, before, _ = LOCKS[case]
    manifests = {"uv.lock": "pyproject.toml", "Cargo.lock": "Cargo.toml", "Pipfile.lock": "Pipfile", "go.sum": "go.mod"}
    manifests |= {"poetry.lock": "pyproject.toml", "pdm.lock": "pyproject.toml"}
    folder, slash, name = path.rpartition("/")
    beside = f"{folder}{slash}{manifests.get(name, 'package.json')}"
    others = {} if path.endswith(".txt") else {beside: ("{}\n", "{ }\n")}
    old, new = ({where: texts[at] for where, texts in others.items()} for at in (0, 1))
    after = new | {path: before.replace(A, EVIL)}
    assert await stops(old | {path: before}, after) == ["lock files"]
    assert await stops(old | {path: before}, after, allowed=frozenset({"locks"})) == []


def test_the_examples_are_what_tools_read() -> None:
    for text in (UV, POETRY, OLD_POETRY, CARGO, OLD_CARGO):
        assert tomllib.loads(text)["package"]
