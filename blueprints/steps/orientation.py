"""Look around before anybody works: which files speak of what the issue says, by its words and
by what it means, and who changed them last.
"""

import asyncio
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from app.core.embeddings import Meaning, Near, NoMeaning
from app.core.errors import RepositoryError
from app.core.forge import Forge
from app.core.generated import is_useless
from app.core.orientation import Hit, forms, fused, named, overview, ranked, told, words
from app.core.sandbox import Sandbox
from app.core.task import Task
from app.core.workspace import Workspace
from blueprints.steps.discussions import discussed

_MOST_CANDIDATES: Final = 60
"""Files whose whole text is looked at: six times as many as are told."""
_MOST_BYTES: Final = 512 * 1_024
"""Of one candidate; what is larger was generated, or is data."""
_MOST_LINES: Final = 10
"""Of one file that the first look counts: enough to see each of the words once."""
_SAMPLE: Final = 200
"""Files; enough to tell a word that is in every twentieth from one that is in every hundredth."""
_LARGE: Final = 2_000
"""Files from which on a sample saves time."""
_FREQUENT: Final = 0.05
"""Share of the files that makes a word too frequent to be looked for in all of them."""
_MOST_CHANGES: Final = 8
_TIMEOUT_S: Final = 20.0
_COUNT: Final = """
{ word = tolower($NF); path = substr($0, 1, length($0) - length($NF) - 1) }
!((path, word) in seen) { seen[path, word]; holding[word]++; inside[path] = inside[path] " " word }
END {
  for (word in holding) print "w", holding[word], word
  for (path in inside) {
    count = split(inside[path], found, " "); rare = 0
    for (at = 1; at <= count; at++) rare += log(1 + 100000 / holding[found[at]])
    printf "f %.4f %s\\n", rare, path
  }
}"""
"""Of lines `path:word`, how many files hold each word, and how rare the words of each file are together."""


@dataclass(frozen=True)
class Candidates:
    """Files that may be meant, and in how many files each word stands."""

    paths: Sequence[str] = ()
    holding: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """Where to look first."""

    told: str
    mentioned: Sequence[str]
    """Files that the task names."""
    hits: Sequence[Hit]
    near: Near
    """What was found by meaning."""


async def orientation(
    task: Task, workspace: Workspace, sandbox: Sandbox, forge: Forge | None = None, meaning: Meaning | None = None
) -> Found:
    """What is worth knowing of the repository for this task. The tree is as it was checked out."""
    paths = await workspace.listed()
    text = f"{task.title}\n{task.body}\n{task.instructions}"
    near = await (meaning or NoMeaning()).near(text, paths, workspace)
    wanted = words(task.title, text)

    frequent = await _frequent(wanted, paths, workspace)
    rare = [word for word in wanted if word not in frequent]
    candidates, (mentioned, (in_path, naming), view) = await asyncio.gather(
        _candidates([form for word in rare for form in forms(word, text)], sandbox),
        asyncio.to_thread(lambda: (named(text, paths), _by_path(wanted, paths), overview(paths))),
    )
    known = set(paths)
    likely = [path for path in dict.fromkeys([*candidates.paths, *in_path]) if path in known and not is_useless(path)]
    texts = await _texts(likely[:_MOST_CANDIDATES], workspace)
    holding = frequent | candidates.holding
    by_words = await asyncio.to_thread(
        ranked, wanted, texts, holding=holding, naming=naming, files=len(paths), most=_MOST_CANDIDATES
    )
    hits = fused(by_words, near.files)
    about = list(dict.fromkeys([*mentioned, *(hit.path for hit in hits)]))
    past = await workspace.past(about, most=_MOST_CHANGES)
    said = await discussed(past, about, task, forge) if forge else ()
    return Found(told(view, mentioned=mentioned, hits=hits, past=past, said=said), mentioned, hits, near)


async def _frequent(wanted: Sequence[str], paths: Sequence[str], workspace: Workspace) -> dict[str, int]:
    """Words that stand in so many files that they tell nothing, and in about how many: by a sample.

    To look for them in all files takes longer than for all others together.
    """
    if len(paths) < _LARGE:
        return {}
    sample = await _texts(paths[:: max(len(paths) // _SAMPLE, 1)], workspace)
    folded = [text.lower() for text in sample.values()]
    counts = {word: sum(word in text for text in folded) for word in wanted}
    least = max(_FREQUENT * len(folded), 2)
    return {word: count * len(paths) // len(folded) for word, count in counts.items() if count > least}


async def _texts(paths: Sequence[str], workspace: Workspace) -> dict[str, str]:
    """What stands in these files of the base commit; huge ones are left out."""
    try:
        shown = await workspace.show_all(paths)
    except RepositoryError:
        return {}
    return {path: data.decode("utf-8", "replace") for path, data in shown.items() if len(data) <= _MOST_BYTES}


def _by_path(wanted: Sequence[str], paths: Sequence[str]) -> tuple[list[str], dict[str, int]]:
    """Files whose paths hold rare words, and in how many paths each word stands."""
    all_paths = "\0".join(paths).lower()  # most words stand in none
    folded = all_paths.split("\0")
    found = {
        word: [path for low, path in zip(folded, paths, strict=True) if word in low] if word in all_paths else []
        for word in wanted
    }
    rarest = sorted((word for word in wanted if found[word]), key=lambda word: len(found[word]))
    near = dict.fromkeys(path for word in rarest for path in found[word][:_MOST_CANDIDATES])
    return list(near)[: _MOST_CANDIDATES // 2], {word: len(found[word]) for word in wanted}


async def _candidates(wanted: Sequence[str], sandbox: Sandbox) -> Candidates:
    """One look at all files, in the box. Nothing where ripgrep or awk is not there."""
    if not wanted:
        return Candidates()
    result = await sandbox.run(_command(wanted), timeout_s=_TIMEOUT_S)
    rows = [line.split(" ", 2) for line in result.output.splitlines()] if result.ok else []
    whole = [row for row in rows if len(row) == 3]
    holding = {name: int(figure) for kind, figure, name in whole if kind == "w" and figure.isdigit()}
    return Candidates([name.removeprefix("./") for kind, _, name in whole if kind == "f"], holding)


def _command(wanted: Sequence[str]) -> str:
    search = [
        *(
            "rg",
            "--no-config",
            "--hidden",
            "--glob=!.git",
            "--no-messages",
            "--no-line-number",
            "--with-filename",
            "--no-heading",
        ),
        *("--color=never", "--only-matching", "--fixed-strings", f"--max-count={_MOST_LINES}"),
        *(part for word in wanted for part in ("-e", word)),
        *("--", "."),
    ]
    count = f"LC_ALL=C awk -F: {shlex.quote(_COUNT)}"
    return (
        f"{shlex.join(search)} | {count} | LC_ALL=C sort -k1,1r -k2,2nr | head -n {len(wanted) + 2 * _MOST_CANDIDATES}"
    )
