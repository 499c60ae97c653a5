"""Files in which maintainers say what agents shall mind: which there are, where each applies, and what it says.

| File | Applies |
|---|---|
| `AGENTS.md`, in any folder; `AGENTS.override.md` in its place | in its folder |
| `CLAUDE.md`, `CLAUDE.local.md`, `.claude/CLAUDE.md`, in any folder | in the folder |
| `.claude/rules/**/*.md` | where `paths` says, or everywhere |
| `.cursor/rules/**/*.mdc` | everywhere if `alwaysApply`, else where `globs` says; with neither, by its `description` |
| `.cursorrules`, `.github/copilot-instructions.md` | everywhere |
| `.github/instructions/**/*.instructions.md` | where `applyTo` says |
| `skills/NAME/SKILL.md`, in any folder with a dot before its name | by its `description` |
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice, product
from typing import Final

from app.core.front_matter import sentence, split
from app.core.globs import matches
from app.core.hidden import one_line, strip_hidden

MOST_FILES: Final = 300
"""Rule files that are looked at; the nearest to the root come first."""
MOST_BYTES: Final = 256 * 1_024
"""Of one file. One that is read to its end by a model has a tenth of this."""
MOST_TOKENS: Final = 8_000
"""All rules of a conversation together: longer ones cost more than they help."""
_MOST_GLOBS: Final = 64
"""That one glob with braces stands for."""
_LONGEST_DESCRIPTION: Final = 1_024
"""https://agentskills.io/specification"""
_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
"""The same."""
_CHOICE: Final = re.compile(r"\{([^{}]*)\}")

_AGENTS: Final = re.compile(r"(?:(?P<folder>.+)/)?AGENTS(?:\.override)?\.md")
_CLAUDE: Final = re.compile(r"(?:(?P<folder>.+?)/)??(?:\.claude/)?CLAUDE(?:\.local)?\.md")
_CLAUDE_RULES: Final = re.compile(r"(?:(?P<folder>.+?)/)??\.claude/rules/.+\.md")
_EVERYWHERE: Final = re.compile(r"\.cursorrules|\.github/copilot-instructions\.md")
_CURSOR: Final = re.compile(r"(?:(?P<folder>.+?)/)??\.cursor/rules/.+\.mdc")
_COPILOT: Final = re.compile(r"\.github/instructions/.+\.instructions\.md")
_SKILL: Final = re.compile(r"(?:(?P<folder>.+?)/)??\.\w[\w-]*/skills/[^/]+/SKILL\.md")
_ENDS: Final = (".md", ".mdc", ".cursorrules")
"""Of all of these: most paths need no closer look."""


@dataclass(frozen=True)
class Rule:
    """What one file says."""

    path: str
    text: str
    globs: tuple[str, ...] = ()
    """Where it applies; everywhere if there are none."""

    def applies(self, paths: Iterable[str]) -> bool:
        """Whether one of the paths is in its scope."""
        return not self.globs or any(matches(path, self.globs) for path in paths)


@dataclass(frozen=True)
class Offer:
    """A file that an agent reads when the description says that it should."""

    path: str
    name: str
    description: str


def rule_paths(paths: Iterable[str]) -> list[str]:
    """The rule files among these paths, general kinds first, then those near the root. At most MOST_FILES."""
    found = [(_kind(path), path.count("/"), path) for path in paths if path.endswith(_ENDS)]
    ordered = [path for kind, _, path in sorted(found) if kind < len(_KINDS)]
    overridden = {path.replace("AGENTS.override.md", "AGENTS.md") for path in ordered if ".override." in path}
    return list(islice((path for path in ordered if path not in overridden), MOST_FILES))


def rule(path: str, text: str) -> Rule | Offer | None:
    """What a rule file says, without what a reader does not see; None if it says nothing to an agent like this."""
    kind = _kind(path)
    if kind == len(_KINDS):
        return None
    pattern, read = _KINDS[kind]
    found = pattern.fullmatch(path)
    folder = found.groupdict().get("folder") if found else None
    return read(path, strip_hidden(text.removeprefix("\ufeff")).strip(), folder or "")


def _kind(path: str) -> int:
    return next((number for number, (kind, _) in enumerate(_KINDS) if kind.fullmatch(path)), len(_KINDS))


def _plain(path: str, text: str, folder: str) -> Rule | None:
    return Rule(path, text, _in(folder)) if text else None


def _claude_rule(path: str, text: str, folder: str) -> Rule | None:
    said, body = split(text)
    globs = _scoped(said.get("paths", ()), folder)
    return Rule(path, body.strip(), _unless_all(globs) or _in(folder)) if body.strip() else None


def _copilot(path: str, text: str, folder: str) -> Rule | None:
    """Without `applyTo` it is for people who attach it by hand."""
    said, body = split(text)
    globs = _scoped(said.get("applyTo", ()), folder)
    is_for_us = body.strip() and globs and "coding-agent" not in said.get("excludeAgent", ())
    return Rule(path, body.strip(), _unless_all(globs)) if is_for_us else None


def _cursor(path: str, text: str, folder: str) -> Rule | Offer | None:
    """With nothing in its front matter it is for people who name it by hand."""
    said, body = split(text)
    globs = _scoped(said.get("globs", ()), folder)
    if not body.strip():
        return None
    if [word.lower() for word in said.get("alwaysApply", ())] == ["true"]:
        return Rule(path, body.strip(), _in(folder))
    if globs:
        return Rule(path, body.strip(), _unless_all(globs) or _in(folder))
    name = path.rpartition("/")[2].removesuffix(".mdc")
    return _offered(path, name, sentence(said.get("description", ())))


def _skill(path: str, text: str, _folder: str) -> Offer | None:
    """https://agentskills.io/specification: its name is that of its folder."""
    said, _ = split(text)
    name = sentence(said.get("name", ()))
    is_one = _NAME.fullmatch(name) and path.split("/")[-2] == name
    return _offered(path, name, sentence(said.get("description", ()))) if is_one else None


def _offered(path: str, name: str, description: str) -> Offer | None:
    line = one_line(description)
    return Offer(path, name, line[:_LONGEST_DESCRIPTION]) if line else None


_KINDS: Final[tuple[tuple[re.Pattern[str], Callable[[str, str, str], Rule | Offer | None]], ...]] = (
    (_AGENTS, _plain),
    (_CLAUDE, _plain),
    (_CLAUDE_RULES, _claude_rule),
    (_EVERYWHERE, _plain),
    (_CURSOR, _cursor),
    (_COPILOT, _copilot),
    (_SKILL, _skill),
)
"""In the order in which they are given to a model: the general ones first."""


# -- Scopes ----------------------------------------------------------------------------------------------------------
def _in(folder: str) -> tuple[str, ...]:
    return (f"/{folder}",) if folder else ()


def _scoped(globs: Iterable[str], folder: str) -> tuple[str, ...]:
    """Globs as they are meant in a folder, as globs of the repository."""
    plain = [one for glob in globs for one in _expanded(glob)]
    if not folder:
        return tuple(plain)
    return tuple(f"/{folder}/{'' if '/' in glob.rstrip('/') else '**/'}{glob.removeprefix('/')}" for glob in plain)


def _unless_all(globs: tuple[str, ...]) -> tuple[str, ...]:
    return () if {"**", "**/*", "*"} & set(globs) else globs


def _expanded(glob: str) -> list[str]:
    """`*.{ts,tsx}` is `*.ts` and `*.tsx`."""
    parts = _CHOICE.split(glob)
    choices = [part.split(",") if number % 2 else [part] for number, part in enumerate(parts)]
    return ["".join(one) for one in islice(product(*choices), _MOST_GLOBS)]


# -- Imports ---------------------------------------------------------------------------------------------------------
_IMPORT: Final = re.compile(r"(?<![\w@./`])@((?:\./|\.\./)*[\w.-][\w./-]*)")
_CODE: Final = re.compile(
    r"^(?P<fence>`{3,}|~{3,})[^\n]*\n.*?(?:^(?P=fence)[`~]*[ \t]*$|\Z)|`[^`\n]+`", re.MULTILINE | re.DOTALL
)
DEPTH: Final = 5
"""How far imports of imports are followed: https://docs.anthropic.com/en/docs/claude-code/memory"""


def takes_imports(path: str) -> bool:
    """Whether `@path` in this rule file stands for the file at that path."""
    return bool(_CLAUDE.fullmatch(path) or _CLAUDE_RULES.fullmatch(path))


def imports(path: str, text: str) -> list[str]:
    """Paths that the file at `path` imports, as they stand in the repository; none that lead out of it."""
    code = [(found.start(), found.end()) for found in _CODE.finditer(text)]
    found = (one for one in _IMPORT.finditer(text) if not any(begin <= one.start() < end for begin, end in code))
    targets = (_beside(path, one[1].rstrip(".")) for one in found)
    return list(dict.fromkeys(target for target in targets if target and target != path))


def with_imports(path: str, files: Mapping[str, str], given: Collection[str] = ()) -> str:
    """The text of a file, followed by what it imports, each once; `given` are known already."""
    seen = [path]
    parts = [files[path]]
    level = [path]
    for _ in range(DEPTH):
        level = [target for name in level for target in imports(name, files[name]) if target in files]
        level = [target for target in dict.fromkeys(level) if target not in seen and target not in given]
        seen += level
        parts += [f"### {target}\n{files[target].strip()}" for target in level]
    return "\n\n".join(parts)


def _beside(path: str, target: str) -> str:
    """Where a relative path leads from a file; empty if it leads out of the repository."""
    parts = path.split("/")[:-1]
    for part in target.split("/"):
        if part == "..":
            if not parts:
                return ""
            parts.pop()
        elif part not in {"", "."}:
            parts.append(part)
    return "/".join(parts)
