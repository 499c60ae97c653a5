"""Which files of a repository decide what its set-up commands install."""

import re
import shlex
from collections.abc import Collection, Sequence
from fnmatch import translate
from typing import Final

DEPENDENCIES: Final = (
    # Python
    *("pyproject.toml", "setup.py", "setup.cfg", "uv.lock", "uv.toml", "poetry.lock", "pdm.lock", "Pipfile"),
    *("Pipfile.lock", "requirements*.txt", "requirements*.in", "constraints*.txt", "environment.y*ml", "MANIFEST.in"),
    *(".python-version", ".tool-versions", "tox.ini", "pip.conf"),
    # Node
    *("package.json", "package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock*"),
    *("pnpm-workspace.yaml", ".npmrc", ".yarnrc*", ".nvmrc", ".node-version", "binding.gyp"),
    # Others
    *("go.mod", "go.sum", "go.work*", "Cargo.toml", "Cargo.lock", "rust-toolchain*", "Gemfile*", "*.gemspec"),
    *("composer.json", "composer.lock", "mix.exs", "mix.lock", "pom.xml", "*.gradle", "*.gradle.kts"),
    *("gradle.properties", "gradle-wrapper.properties", "*.csproj", "packages.lock.json"),
    # What an editable install compiles
    *("CMakeLists.txt", "meson.build", "*.c", "*.cc", "*.cpp", "*.cxx", "*.h", "*.hpp", "*.pyx", "*.pxd", "*.rs"),
    # What the box is
    *("minion.yml", "devcontainer.json", ".devcontainer.json"),
)
"""Names, in any folder, as globs."""
FOLDERS: Final = frozenset({"requirements", "patches", "vendor"})
"""Everything in folders of these names counts, too."""

INSTALLERS: Final[tuple[tuple[str, ...], ...]] = (
    *(("uv", "sync"), ("uv", "venv"), ("uv", "pip", "install"), ("pip", "install"), ("pip3", "install")),
    *(("python", "-m", "venv"), ("python3", "-m", "venv")),
    *(("python", "-m", "pip", "install"), ("python3", "-m", "pip", "install")),
    *(("poetry", "install"), ("pdm", "install"), ("pdm", "sync"), ("pipenv", "install"), ("pipenv", "sync")),
    *(("npm", "ci"), ("npm", "install"), ("yarn", "install"), ("yarn",), ("pnpm", "install"), ("bun", "install")),
    *(("go", "mod", "download"), ("cargo", "fetch"), ("bundle", "install"), ("composer", "install")),
    *(("mix", "deps.get"), ("corepack", "enable"), (".",), ("source",), ("cd",), ("true",)),
)
"""Commands whose outcome depends on files of `DEPENDENCIES` only."""
_ENDS: Final = frozenset({"&&", "&", ";", "||", "|", "\n"})
_OWN: Final = re.compile(r"(?:\.{0,2}/)?[.\w/-]*(?:\[[\w,.-]*\])?")
"""A path, which `pip install` copies from: what is copied is as old as the set-up."""
_LIFE_CYCLE: Final = re.compile(rb'"(?:pre|post)?(?:install|prepare|prepublish)"\s*:')
"""Scripts that npm runs by itself after it has installed: https://docs.npmjs.com/cli/v11/using-npm/scripts"""


def inputs(commands: Sequence[str], paths: Collection[str], package: bytes) -> frozenset[str] | None:
    """Which of the tracked `paths` decide what `commands` install; None if that may be any of them.

    `package` is `package.json` of the root, empty if there is none.
    """
    if not all(_installs_only(command) for command in commands) or _LIFE_CYCLE.search(package):
        return None
    named = {word for command in commands for word in _words(command)}
    return frozenset(path for path in paths if _counts(path) or path in named)


_NAMES: Final = re.compile("|".join(translate(glob) for glob in DEPENDENCIES))
"""All globs in one: a repository can have a hundred thousand files."""


def _counts(path: str) -> bool:
    *folders, name = path.split("/")
    return _NAMES.match(name) is not None or not FOLDERS.isdisjoint(folders)


def _installs_only(command: str) -> bool:
    if any(sign in command for sign in "`$("):
        return False
    words = [*_words(command), ";"]
    part: list[str] = []
    for word in words:
        if word not in _ENDS:
            part.append(word)
            continue
        if part and not _is_installer(part):
            return False
        part = []
    return True


def _is_installer(part: Sequence[str]) -> bool:
    installer = next((known for known in INSTALLERS if tuple(part[: len(known)]) == known), None)
    if installer is None:
        return False
    if "install" in installer and installer[0] in {"uv", "pip", "pip3", "python", "python3"}:
        return not _copies(part[len(installer) :])
    return installer != ("yarn",) or all(word.startswith("-") for word in part[1:])


def _copies(words: Sequence[str]) -> bool:
    """Whether `pip install` with these words copies the repository's own code, instead of linking to it."""
    before = ""
    for word in words:
        is_path = word.startswith((".", "/")) or (_OWN.fullmatch(word) is not None and "/" in word)
        if is_path and before not in {
            "-e",
            "--editable",
            "-r",
            "--requirement",
            "-c",
            "--constraint",
            "--python",
            "-p",
        }:
            return True
        before = word
    return False


def _words(command: str) -> list[str]:
    """A command's words and what parts its commands. What a shell would expand stays as it is and is no installer."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars=";&|\n")
    lexer.whitespace = " \t"
    lexer.whitespace_split = True
    try:
        return list(lexer)
    except ValueError:
        return ["?"]
