"""Paths that minions never change: what runs by itself, what decides who reviews, and what instructs agents."""

from collections.abc import Iterator
from typing import Final

from app.core.globs import matches
from app.core.guards import Finding, Weight
from app.core.repo_config import PATH
from app.guards.guard import Guard, Subject

NAME: Final = "protected paths"

_RUNS: Final = "runs by itself, with rights that this change was not reviewed for"
_DECIDES: Final = "decides what is reviewed, and what minions may do"
_INSTRUCTS: Final = "instructs agents and editors"

PROTECTED: Final[dict[str, tuple[str, ...]]] = {
    _RUNS: (
        "/.github/workflows",
        "/.github/actions",
        "/.gitea/workflows",
        "/.forgejo/workflows",
        ".gitlab-ci.yml",
        ".cirrus.yml",
        ".woodpecker",
        ".woodpecker.yml",
        "appveyor.yml",
        ".appveyor.yml",
        ".circleci",
        ".buildkite",
        ".drone.yml",
        ".travis.yml",
        "/azure-pipelines.yml",
        "/bitbucket-pipelines.yml",
        "Jenkinsfile",
        "/.github/scripts",
        "/cloudbuild.yaml",
        "/cloudbuild.yml",
        "/buildspec.yml",
        "/bitrise.yml",
        "/codemagic.yaml",
        ".semaphore",
        ".teamcity",
        ".gitpod.yml",
        ".husky",
        ".githooks",
        "lefthook.yml",
        ".pre-commit-config.yaml",
        ".gitmodules",
        ".gitattributes",
        ".lfsconfig",
        ".gitconfig",
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
        "/.github/dependabot.yaml",
        "/.github/settings.yml",
        "/.gitlab/CODEOWNERS",
        # Programs that review, approve and merge by themselves.
        ".coderabbit.yaml",
        ".coderabbit.yml",
        ".pr_agent.toml",
        ".sourcery.yaml",
        "greptile.json",
        ".bito.yaml",
        ".mergify.yml",
        ".mergify",
        "/.github/mergify.yml",
        ".kodiak.toml",
        ".bulldozer.yml",
        "renovate.json",
        "renovate.json5",
        ".renovaterc*",
    ),
    _INSTRUCTS: (
        "AGENTS.md",
        "AGENTS.override.md",
        "AGENT.md",
        "WARP.md",
        ".agents",
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
        ".gemini",
        ".roo",
        ".roomodes",
        ".kiro",
        ".junie",
        ".amazonq",
        ".continue",
        ".opencode",
        "opencode.json",
        ".goosehints",
        ".zed",
        "/.github/copilot-instructions.md",
        "/.github/instructions",
        "/.github/prompts",
        "/.github/agents",
        "/.github/chatmodes",
        "/.github/hooks",
        "/.github/skills",
        "SKILL.md",
    ),
}
"""Globs by the reason why."""
EVERYWHERE: Final = tuple(glob for globs in PROTECTED.values() for glob in globs)
"""Of every repository, whatever its own settings add."""


def look(subject: Subject) -> Iterator[Finding]:
    """A finding for each protected file that is added, changed or deleted."""
    globs = {**PROTECTED, f"is protected by `protected_paths` in `{PATH}`": subject.config.protected_paths}
    for file in subject.patch.files:
        paths = {file.path, _elsewhere(file.path)}
        for reason, patterns in globs.items():
            if any(matches(path, patterns) for path in paths):
                sentence = (
                    f"This file {reason}. Give it back its old contents, or take it out if it is new; a person has to "
                    f"change it where that is wanted."
                )
                yield Finding(guard=NAME, sentence=sentence, path=file.path, weight=Weight.MEND)
                break


def _elsewhere(path: str) -> str:
    """The file that a path means on Windows: a name's last dots and blanks do not count, nor what follows a colon."""
    return "/".join(part.partition(":")[0].rstrip(". ") or part for part in path.split("/"))


GUARD: Final = Guard(NAME, look)
