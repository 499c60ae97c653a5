"""Repositories that want git to run something, write somewhere, or wait for ever."""

from dataclasses import dataclass
from typing import Final

FIRE: Final = "touch @CANARY@/fired"
SCRIPT: Final = f"#!/bin/sh\n{FIRE}\n"


@dataclass(frozen=True)
class Trap:
    """What is laid in a tree, and how somebody naive steps into it."""

    name: str
    lay: str
    """For bash, in the tree, which is a repository with a file `code.py`. `@CANARY@` is a folder of the machine."""
    naive: str
    """For bash, in a copy on the machine: what fires it. Empty where today's git does not fall for it any more."""


def _hooks(folder: str) -> str:
    names = "pre-commit post-commit post-checkout post-index-change reference-transaction pre-push pre-auto-gc post-rewrite fsmonitor-watchman"
    return f"mkdir -p {folder}; for h in {names}; do printf '{SCRIPT!r}' > {folder}/$h; chmod +x {folder}/$h; done".replace(
        "''", "'"
    )


_COMMIT: Final = "git -c user.name=a -c user.email=a@b commit -q --allow-empty -m x"

IN_THE_TREE: Final = (
    Trap("core.fsmonitor", f'git config core.fsmonitor "{FIRE}; false"', "git status"),
    Trap("core.hooksPath", f'{_hooks("hooks")}; git config core.hooksPath "$PWD/hooks"', _COMMIT),
    Trap("hooks", _hooks(".git/hooks"), _COMMIT),
    Trap("core.sshCommand", f'git config core.sshCommand "{FIRE};"', "git ls-remote ssh://git@example.org/x"),
    Trap(
        "insteadOf",
        "git config protocol.ext.allow always; git config url.'ext::sh -c touch% @CANARY@/fired;'.insteadOf https://example.org/",
        "git ls-remote https://example.org/x",
    ),
    Trap(
        "pushInsteadOf",
        "git config protocol.ext.allow always; git config url.'ext::sh -c touch% @CANARY@/fired;'.pushInsteadOf https://example.org/",
        "git push https://example.org/x HEAD:main",
    ),
    Trap(
        "a remote's vcs",
        "git config protocol.ext.allow always; git remote add evil 'ext::sh -c touch% @CANARY@/fired'",
        "git fetch evil",
    ),
    Trap(
        "a remote's uploadpack",
        f'git config remote.origin.url .; git config remote.origin.uploadpack "{FIRE};"',
        "git fetch origin",
    ),
    Trap(
        "credential.helper",
        f'git config credential.helper "!{FIRE};"',
        "printf 'protocol=https\\nhost=example.org\\n\\n' | GIT_ASKPASS=true git credential fill",
    ),
    Trap(
        "core.askPass",
        f"printf '{SCRIPT!r}' > ask; chmod +x ask; git config core.askPass \"$PWD/ask\"".replace("''", "'"),
        "printf 'protocol=https\\nhost=example.org\\n\\n' | setsid git credential fill",
    ),
    Trap("diff.external", f'git config diff.external "{FIRE};"; echo more >> code.py', "git diff"),
    Trap(
        "textconv",
        f'git config diff.x.textconv "{FIRE}; cat"; echo "* diff=x" > .gitattributes; echo more >> code.py',
        "git diff",
    ),
    Trap(
        "a diff driver",
        f'git config diff.x.command "{FIRE};"; mkdir -p .git/info; echo "* diff=x" > .git/info/attributes; echo more >> code.py',
        "git diff",
    ),
    Trap(
        "filter.clean",
        f'git config filter.x.clean "{FIRE}; cat"; echo "* filter=x" > .gitattributes; echo more >> code.py',
        "git add --all",
    ),
    Trap(
        "filter.smudge",
        f'git config filter.x.smudge "{FIRE}; cat"; echo "* filter=x" > .gitattributes',
        "rm code.py; git checkout code.py",
    ),
    Trap(
        "filter.process",
        f'git config filter.x.process "{FIRE}"; echo "* filter=x" > .gitattributes; echo more >> code.py',
        "git add --all",
    ),
    Trap(
        "core.attributesFile",
        f'git config filter.x.clean "{FIRE}; cat"; echo "* filter=x" > a; git config core.attributesFile "$PWD/a"; echo more >> code.py',
        "git add --all",
    ),
    Trap(
        "a merge driver",
        f'git config merge.x.driver "{FIRE};"; mkdir -p .git/info; echo "* merge=x" > .git/info/attributes',
        f"git checkout -q -b b; echo b > code.py; {_COMMIT.replace('--allow-empty', '-a')}; git checkout -q -; echo c > code.py; "
        f"{_COMMIT.replace('--allow-empty', '-a')}; git -c user.name=a -c user.email=a@b merge b",
    ),
    Trap(
        "include.path",
        f'git config --file evil core.fsmonitor "{FIRE}; false"; git config include.path ../evil',
        "git status",
    ),
    Trap(
        "includeIf",
        f'git config --file evil core.fsmonitor "{FIRE}; false"; git config includeIf.gitdir:/.path ../evil',
        "git status",
    ),
    Trap(
        "config.worktree",
        f"git config core.repositoryFormatVersion 1; git config extensions.worktreeConfig true; "
        f'git config --file .git/config.worktree core.fsmonitor "{FIRE}; false"',
        "git status",
    ),
    Trap("core.editor", f'git config core.editor "{FIRE};"', _COMMIT.removesuffix(" -m x")),
    Trap(
        "gpg.program",
        f"printf '{SCRIPT!r}' > gpg; chmod +x gpg; git config gpg.program \"$PWD/gpg\"; git config commit.gpgSign true".replace(
            "''", "'"
        ),
        _COMMIT,
    ),
    Trap("an alias", f'git config alias.st "!{FIRE}"', "git st"),
    Trap("core.worktree", "git config core.worktree @CANARY@", "git checkout --force HEAD -- ."),
    Trap(
        "a file in the place of .git",
        f'mv .git evil; echo "gitdir: evil" > .git; git config --file evil/config core.fsmonitor "{FIRE}; false"',
        "git status",
    ),
    Trap(
        "a link in the place of .git",
        f'mv .git evil; ln -s evil .git; git config --file evil/config core.fsmonitor "{FIRE}; false"',
        "git status",
    ),
    Trap(
        "a bare repository in the tree",
        f'git init -q --bare sub; cd sub; git config core.bare false; git config core.worktree .; git config core.fsmonitor "{FIRE}; false"',
        "cd sub; git status",
    ),
    Trap(
        "a repository in the tree",
        f'git init -q sub; cd sub; {_COMMIT}; git config core.fsmonitor "{FIRE}; false"; echo x > x',
        "cd sub; git status",
    ),
    Trap(
        "a submodule's update",
        f'git config submodule.sub.update "!{FIRE};"; git config submodule.sub.url .; git config submodule.sub.active true; '
        "printf '[submodule \"sub\"]\\n\\tpath = sub\\n\\turl = .\\n' > .gitmodules; git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),sub",
        "git -c protocol.file.allow=always submodule update --init",
    ),
    Trap(
        "a submodule's address",
        "git config protocol.ext.allow always; "
        "printf '[submodule \"sub\"]\\n\\tpath = sub\\n\\turl = ext::sh -c touch%% @CANARY@/fired\\n' > .gitmodules; "
        "git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),sub",
        "GIT_ALLOW_PROTOCOL=ext:file git submodule update --init",
    ),
    Trap(
        "a submodule's address that is an option",
        "printf '[submodule \"sub\"]\\n\\tpath = sub\\n\\turl = --upload-pack=touch @CANARY@/fired\\n' > .gitmodules; "
        "git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),sub",
        "",
    ),
    Trap(
        "a submodule's name that climbs",
        "printf '[submodule \"../../hooks\"]\\n\\tpath = sub\\n\\turl = .\\n' > .gitmodules; "
        "git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),sub",
        "",
    ),
    Trap(
        "links where git reads",
        "for f in .gitattributes .gitignore .gitmodules .mailmap; do ln -sf /etc/passwd $f; done",
        "",
    ),
    Trap(
        "an index that is a link", "rm -f .git/index; ln -s /etc/passwd .git/index; ln -s @CANARY@ .git/objects/zz", ""
    ),
    Trap(
        "objects of somebody else",
        "mkdir -p .git/objects/info; echo @CANARY@ > .git/objects/info/alternates; echo /objects >> .git/objects/info/alternates",
        "",
    ),
    Trap("a pipe in the place of .git", "rm -rf .git; mkfifo .git", ""),
    Trap(
        "names of every kind",
        "touch -- '-rf' '--exec=touch @CANARY@' $'new\\nline' $'raw\\xff' ':(top)x' ':!x' '~' '$(id)' '*' \"q'uote\" $'\\e[2J'".replace(
            "@CANARY@' ", "x' "
        ),
        "",
    ),
)

WAITING: Final = (
    Trap("a pipe in the place of .gitignore", "mkfifo .gitignore", ""),
    Trap("a pipe in the place of .gitattributes", "mkdir sub; echo x > sub/x; mkfifo sub/.gitattributes", ""),
)
"""Git opens these and waits for a writer. None may come."""

PATCHES: Final = {
    "climbs out": "--- /dev/null\n+++ b/../../evil\n@@ -0,0 +1 @@\n+x\n",
    "climbs out in the middle": "--- /dev/null\n+++ b/sub/../../../evil\n@@ -0,0 +1 @@\n+x\n",
    "is absolute": "--- /dev/null\n+++ @CANARY@/fired\n@@ -0,0 +1 @@\n+x\n",
    "has a path in quotes": '--- /dev/null\n+++ "b/..\\057..\\057evil"\n@@ -0,0 +1 @@\n+x\n',
    "writes a hook": "--- /dev/null\n+++ b/.git/hooks/pre-commit\n@@ -0,0 +1 @@\n+#!/bin/sh\n",
    "writes git's configuration": "--- /dev/null\n+++ b/.git/config\n@@ -0,0 +1 @@\n+[core]\n",
    "writes it in capitals": "--- /dev/null\n+++ b/.GIT/config\n@@ -0,0 +1 @@\n+[core]\n",
    "writes it by its short name": "--- /dev/null\n+++ b/GIT~1/config\n@@ -0,0 +1 @@\n+[core]\n",
    "writes it with a letter that some do not see": "--- /dev/null\n+++ b/.g\u200cit/config\n@@ -0,0 +1 @@\n+[core]\n",
    "writes through a link of the base": "--- /dev/null\n+++ b/out/fired\n@@ -0,0 +1 @@\n+x\n",
    "writes through a link of its own": "diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+@CANARY@\n"
    "\\ No newline at end of file\ndiff --git a/l/fired b/l/fired\nnew file mode 100644\n--- /dev/null\n+++ b/l/fired\n@@ -0,0 +1 @@\n+x\n",
    "renames from outside": "diff --git a/../../etc/passwd b/x\nsimilarity index 100%\nrename from ../../etc/passwd\nrename to x\n",
    "renames to outside": "diff --git a/code.py b/../x\nsimilarity index 100%\nrename from code.py\nrename to ../../x\n",
    "copies from outside": "diff --git a/x b/x\nsimilarity index 100%\ncopy from ../../../../etc/passwd\ncopy to x\n",
    "deletes outside": "--- a/../../evil\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n",
    "makes a device": "diff --git a/d b/d\nnew file mode 060000\n--- /dev/null\n+++ b/d\n@@ -0,0 +1 @@\n+x\n",
    "makes a setuid program": "diff --git a/d b/d\nnew file mode 104755\n--- /dev/null\n+++ b/d\n@@ -0,0 +1 @@\n+x\n",
    "is no patch": "\0\1\2 nothing\n",
    "counts wrong": "--- a/code.py\n+++ b/code.py\n@@ -1,99999999 +1,99999999999999999999 @@\n+x\n",
}
"""Changes that want to be written elsewhere, as git's patches without their first lines where these say nothing."""
