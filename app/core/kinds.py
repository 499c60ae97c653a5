"""What kind of file a path is, by the names that people give to files."""

import re
from pathlib import PurePosixPath
from typing import Final

_TEST_FOLDERS: Final = frozenset(
    ["test", "tests", "__tests__", "spec", "specs", "testing", "e2e", "testdata", "fixtures"]
)
_TEST_NAME: Final = re.compile(
    r"test_.*\.py|.*_tests?\.py|tests?\.py|conftest\.py"
    r"|.*[._-](?:test|spec|cy|e2e)\.[cm]?[jt]sx?"
    r"|.*_test\.(?:go|rb|exs|cc|cpp|c|dart)|.*_spec\.rb|test_.*\.(?:rb|c|cc|cpp)|tests?\.rs"
    r"|.*(?:Test|Tests|IT|Spec)\.(?:java|kt|kts|cs|scala|groovy|swift|php)|Test[A-Z].*\.(?:java|kt)"
    r"|.*\.(?:t|bats)"
)
_SNAPSHOT: Final = re.compile(r".*\.(?:snap|ambr|approved\.[a-z]+|golden(?:\.[a-z]+)?)|.*-snapshots?\.[a-z]+")
_SNAPSHOT_FOLDERS: Final = frozenset(["__snapshots__", "snapshots", "__image_snapshots__"])

LANGUAGES: Final[dict[str, str]] = {
    ".py": "python",
    ".pyi": "python",
    ".js": "javascript",
    ".jsx": "javascript",
    ".cjs": "javascript",
    ".mjs": "javascript",
    ".ts": "javascript",
    ".tsx": "javascript",
    ".cts": "javascript",
    ".mts": "javascript",
    ".vue": "javascript",
    ".svelte": "javascript",
    ".go": "go",
    ".rs": "rust",
    ".java": "java",
    ".kt": "java",
    ".kts": "java",
    ".scala": "java",
    ".groovy": "java",
    ".rb": "ruby",
    ".cs": "csharp",
    ".php": "php",
    ".swift": "swift",
    ".c": "c",
    ".h": "c",
    ".cc": "c",
    ".cpp": "c",
    ".hpp": "c",
    ".ex": "elixir",
    ".exs": "elixir",
    ".dart": "dart",
    ".sh": "shell",
    ".bash": "shell",
    ".bats": "shell",
}
"""Languages by the end of a file's name; dialects that share their comments and their tests count as one."""


def language(path: str) -> str:
    """The language of a source file; empty if it is none."""
    return LANGUAGES.get(PurePosixPath(path).suffix.lower(), "")


def is_snapshot(path: str) -> bool:
    """Whether tests compare what they get with this file, and a program wrote it."""
    *folders, name = path.split("/")
    in_folder = any(folder.lower() in _SNAPSHOT_FOLDERS for folder in folders) and not language(path)
    return in_folder or _SNAPSHOT.fullmatch(name) is not None


def is_test(path: str) -> bool:
    """Whether a file belongs to the tests: it holds some, or what only they need."""
    *folders, name = path.split("/")
    return (
        any(folder.lower() in _TEST_FOLDERS for folder in folders)
        or _TEST_NAME.fullmatch(name) is not None
        or is_snapshot(path)
    )


def is_source(path: str) -> bool:
    """Whether it is code that people use, rather than tests of it or words about it."""
    return bool(language(path)) and not is_test(path)


def is_document(path: str) -> bool:
    """Whether people read it: documentation, a change log."""
    *folders, name = path.split("/")
    return (
        PurePosixPath(name).suffix.lower() in {".md", ".rst", ".adoc", ".txt", ".mdx"}
        and not name.lower().startswith("requirements")
    ) or any(folder.lower() in {"doc", "docs", "documentation"} for folder in folders)
