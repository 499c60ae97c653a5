import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.globs import matches
from app.core.guards import Finding, Guards
from app.core.patch import MOST_LINES, AddedLine, Change, FileChange, Patch
from app.core.repo_config import RepoConfig
from app.guards import ALL, GuardSet

KEY = ["-----BEGIN RSA PRIVATE KEY-----", *["MIIEow1BAAkCAQEAq7BFUpkGp3+LQmlQ"] * 9, "-----END RSA PRIVATE KEY-----"]
TOKEN = "ghp_" + "a8Kd03jfLw9qPz72mXcVb5Rt1YhN6GsEu4QoIx"


def file(path: str, **more: object) -> FileChange:
    plain = {"change": Change.MODIFIED, "old_mode": "100644", "new_mode": "100644", "binary": False}
    return FileChange.model_validate({"path": path, "added": 1, "deleted": 0, "size": 10, **plain, **more})


def patch(*files: FileChange, lines: list[str] | None = None) -> Patch:
    added = tuple(AddedLine(path="a.py", line=10 + n, text=text) for n, text in enumerate(lines or []))
    return Patch(data=b"x", files=files or (file("a.py"),), added_lines=added)


async def inspect(change: Patch, **config: object) -> list[Finding]:
    guards: Guards = GuardSet(ALL)
    return list(await guards.inspect(change, RepoConfig.parse(config)))


async def test_an_ordinary_change_may_leave() -> None:
    change = patch(file("src/a.py"), file("tests/test_a.py", change=Change.ADDED, old_mode="000000"), lines=["x = 1"])
    assert await inspect(change) == []


BAD = [
    ("protected paths", file(".github/workflows/ci.yml")),
    ("protected paths", file(".github/workflows/ci.yml", change=Change.DELETED)),
    ("protected paths", file(".GitHub/Workflows/ci.yml")),
    ("protected paths", file(".github/actions/x/action.yml")),
    ("protected paths", file("CODEOWNERS")),
    ("protected paths", file(".github/CODEOWNERS")),
    ("protected paths", file("docs/CODEOWNERS")),
    ("protected paths", file("deep/down/AGENTS.md")),
    ("protected paths", file("CLAUDE.md")),
    ("protected paths", file(".claude/settings.json")),
    ("protected paths", file("web/.cursor/rules/a.mdc")),
    ("protected paths", file(".gitmodules")),
    ("protected paths", file(".github/minion.yml")),
    ("protected paths", file(".husky/pre-commit")),
    ("protected paths", file("AGENTS.md.")),
    ("protected paths", file(".github ./workflows. /ci.yml")),
    ("protected paths", file("CLAUDE.md::$DATA")),
    ("protected paths", file(".\u212airo/steering.md")),
    ("protected paths", file("AGENT\u017f.md")),
    ("protected paths", file(".mergify.yml")),
    ("protected paths", file(".lfsconfig")),
    ("protected paths", file(".github/dependabot.yaml")),
    ("protected paths", file(".github/scripts/test.sh")),
    ("protected paths", file("ci/Jenkinsfile")),
    ("protected paths", file("cloudbuild.yaml")),
    ("protected paths", file(".coderabbit.yaml")),
    ("links", file("a", new_mode="120000")),
    ("links", file("vendor/x", new_mode="160000")),
    ("links", file("a", new_mode="100664")),
    ("links", file("vendor/lib/a.py", submodule="vendor/lib")),
    ("links", file("vendor/lib/a\udcff", submodule="vendor/lib", change=Change.DELETED)),
    ("names", file("../a")),
    ("names", file("/etc/passwd")),
    ("names", file(".git/config")),
    ("names", file("x/.GIT./hooks/a")),
    ("names", file("git~1/config")),
    ("names", file("a\u202eb", change=Change.ADDED)),
    ("names", file(".github\\workflows\\ci.yml", change=Change.ADDED)),
    ("names", file("a\nb", change=Change.ADDED)),
    ("names", file("--checkpoint-action=x", change=Change.ADDED)),
    ("names", file("src/-rf", change=Change.ADDED)),
    ("names", file("a\udcff", change=Change.ADDED)),
    ("binaries", file("a.pyc", binary=True)),
    ("binaries", file("a.png", binary=True, size=100_001)),
    ("size", file("a.json", size=1_000_001)),
]


@pytest.mark.faults
@pytest.mark.parametrize(
    ("guard", "bad"), BAD, ids=lambda value: getattr(value, "path", value).encode("ascii", "replace").decode()
)
async def test_f57_f58_each_guard_stops_its_own(guard: str, bad: FileChange) -> None:
    findings = await inspect(patch(bad))
    assert [finding.guard for finding in findings] == [guard]
    assert findings[0].sentence.endswith(".")
    findings[0].model_dump_json()  # names that are no UTF-8 must not break what is stored


GOOD = [
    file("src/workflows/ci.py"),
    file(".github/ISSUE_TEMPLATE/bug.yml"),
    file("src/CODEOWNERS.py"),
    file("docs/agents.rst"),
    file("a", change=Change.DELETED, old_mode="120000", new_mode="000000"),
    file("run.sh", change=Change.ADDED, old_mode="000000", new_mode="100755"),
    file("a\udcff"),
    file(".gitignore"),
    file("icon.png", binary=True, size=4_000),
]


@pytest.mark.parametrize("good", GOOD, ids=lambda value: value.path.encode("ascii", "replace").decode())
async def test_what_is_near_it_passes(good: FileChange) -> None:
    assert await inspect(patch(good)) == []


async def test_nothing_is_no_change() -> None:
    assert [finding.guard for finding in await inspect(Patch())] == ["empty change"]


async def test_a_repository_protects_more() -> None:
    findings = await inspect(patch(file("db/migrations/1.sql")), protected_paths=["db/migrations/**"])
    assert "`protected_paths`" in findings[0].sentence


@pytest.mark.parametrize("path", ["web/new.js", "libs/other/c.py", "caf\udce9/x", "libs/parser2/x"])
async def test_what_the_tree_leaves_out_may_not_change(path: str) -> None:
    findings = await inspect(patch(file(path), file("libs/parser/a.py"), file("libs/x")), sparse=["libs/parser/"])
    assert [finding.guard for finding in findings] == ["outside"]
    assert "`sparse`" in findings[0].sentence
    findings[0].model_dump_json()


@pytest.mark.faults
async def test_f60_a_secret_is_found_with_its_line_and_not_repeated() -> None:
    findings = await inspect(patch(lines=["fine", f'token = "{TOKEN}"']))
    assert [(finding.guard, finding.path, finding.line) for finding in findings] == [("secrets", "a.py", 11)]
    assert TOKEN not in findings[0].sentence


async def test_a_private_key_is_found_over_many_lines() -> None:
    assert [finding.line for finding in await inspect(patch(lines=["", *KEY]))] == [11]


@pytest.mark.parametrize("text", ["ghp_" + "x" * 36, "AKIAIOSFODNN7EXAMPLE", "-----BEGIN PRIVATE KEY-----", "sk-learn"])
async def test_a_stand_in_is_no_secret(text: str) -> None:
    assert await inspect(patch(lines=[text])) == []


async def test_too_many_files_and_lines_are_counted() -> None:
    many = [file(f"{n}.py", added=100, deleted=100) for n in range(41)]
    sentences = [finding.sentence for finding in await inspect(patch(*many))]
    assert sentences[0].startswith("41 files are changed; at most 40")
    assert sentences[1].startswith("8,200 lines are changed; at most 1,500")
    assert await inspect(patch(*many), max_files=50, max_changed_lines=9_000) == []


@pytest.mark.parametrize(
    ("glob", "path", "expected"),
    [
        ("*.lock", "deep/uv.lock", True),
        ("*.lock", "uv.lock.py", False),
        ("/a", "a/b", True),
        ("/a", "x/a", False),
        ("a/*.py", "a/b/c.py", False),
        ("a/**/c.py", "a/c.py", True),
        ("a/**/c.py", "a/b/d/c.py", True),
        ("a/**", "a/b", True),
        ("a/", "x/a/b", True),
        ("a?c", "abc", True),
        ("[x]", "x", False),
        ("A", "a", True),
    ],
)
def test_globs_are_those_of_gitignore(glob: str, path: str, expected: bool) -> None:  # noqa: FBT001 - a table
    assert bool(matches(path, [glob])) is expected


@given(st.text(min_size=1), st.text())
def test_no_glob_breaks(glob: str, path: str) -> None:
    matches(path, [glob])


def test_every_guard_is_in_the_registry_once() -> None:
    names = GuardSet(ALL).names
    assert len(set(names)) == len(names) == 22


@pytest.mark.hostile
async def test_a_change_with_more_lines_than_are_held_is_stopped_whatever_is_configured() -> None:
    widest = RepoConfig.model_fields["max_changed_lines"].metadata[-1].le
    assert widest == MOST_LINES
    findings = await inspect(patch(file("a.py", added=MOST_LINES + 1)), max_changed_lines=widest)
    assert [finding.guard for finding in findings] == ["size"]


@pytest.mark.hostile
@pytest.mark.timeout(30)
@pytest.mark.parametrize("glob", ["**/" * 90 + "x", "/" + "*a" * 120 + "b", "**a" * 90 + "b", "*" * 300, "?*" * 150])
def test_no_glob_of_a_repository_takes_years(glob: str) -> None:
    for path in ("a/" * 1_000 + "b", "a" * 255, "a" * 254 + "/" + "a" * 255):
        matches(path, [glob])


@given(
    glob=st.lists(st.sampled_from(["a", "b", "/", "*", "?", "**", "**/", "/**"]), min_size=1, max_size=6).map("".join),
    path=st.lists(st.sampled_from(["a", "b", "ab", "ba"]), min_size=1, max_size=4).map("/".join),
)
def test_globs_mean_what_they_say(glob: str, path: str) -> None:
    trimmed = glob.strip().removeprefix("./").rstrip("/")
    meaning = {"**/": "(?:.*/)?", "/**": "/.*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.findall(r"\*\*/|/\*\*$|\*\*|\*|\?|[^*?/]+|/", trimmed.removeprefix("/"))
    regex = "".join(meaning.get(part) or re.escape(part) for part in parts)
    regex = f"{'' if '/' in trimmed else '(?:.*/)?'}{regex}(?:/.*)?"
    assert bool(matches(path, [glob])) == bool(re.fullmatch(regex, path)), regex


@pytest.mark.hostile
async def test_secrets_are_found_in_wide_characters_and_in_names() -> None:
    wide = "\0".join(TOKEN)
    assert [(each.guard, each.line) for each in await inspect(patch(lines=["x", wide]))] == [("secrets", 11)]
    findings = await inspect(patch(file(f"docs/{TOKEN}.md")))
    assert [each.guard for each in findings] == ["secrets"]
    assert TOKEN not in repr(findings)
