"""Paths that minions never change: what runs by itself, what decides who reviews, and what instructs agents."""

from collections.abc import Iterator
from typing import Final

from app.core.patch import Patch
from app.core.repo_config import PATH, RepoConfig
from app.core.world import Finding
from app.guards.globs import matches
from app.guards.guard import Guard

NAME: Final = "protected paths"

_RUNS: Final = "runs by itself, with rights that this change was not reviewed for"
_DECIDES: Final = "decides what is reviewed, and what minions may do"
_INSTRUCTS: Final = "instructs agents and editors"

PROTECTED: Final[dict[str, tuple[str, ...]]] = {
    _RUNS: (
        "/.github/workflows",
        "/.github/actions",
        ".gitlab-ci.yml",
        ".circleci",
        ".buildkite",
        ".drone.yml",
        ".travis.yml",
        "/azure-pipelines.yml",
        "/bitbucket-pipelines.yml",
        "/Jenkinsfile",
        ".husky",
        ".githooks",
        "lefthook.yml",
        ".pre-commit-config.yaml",
        ".gitmodules",
        ".gitattributes",
        ".devcontainer",
        ".vscode",
        ".idea",
        ".envrc",
    ),
    _DECIDES: (
        # GitHub looks for it in these three places.
        "/CODEOWNERS",
        "/.github/CODEOWNERS",
        "/docs/CODEOWNERS",
        f"/{PATH}",
        "/.github/minion.yaml",
        "/.github/dependabot.yml",
        "/.github/settings.yml",
    ),
    _INSTRUCTS: (
        "AGENTS.md",
        "AGENTS.override.md",
        "CLAUDE.md",
        "CLAUDE.local.md",
        "GEMINI.md",
        ".claude",
        ".codex",
        ".cursor",
        ".cursorrules",
        ".windsurf",
        ".windsurfrules",
        ".clinerules",
        ".aider*",
        ".mcp.json",
        "/.github/copilot-instructions.md",
        "/.github/instructions",
        "/.github/prompts",
        "/.github/agents",
        "SKILL.md",
    ),
}
"""Globs by the reason why."""


def look(patch: Patch, config: RepoConfig) -> Iterator[Finding]:
    """A finding for each protected file that is added, changed or deleted."""
    globs = {**PROTECTED, f"is protected by `protected_paths` in `{PATH}`": config.protected_paths}
    for file in patch.files:
        for reason, patterns in globs.items():
            if matches(file.path, patterns):
                sentence = f"This file {reason}. Leave it as it is; a person has to change it where that is wanted."
                yield Finding(guard=NAME, sentence=sentence, path=file.path)
                break


GUARD: Final = Guard(NAME, look)
