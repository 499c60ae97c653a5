"""Where to look first in a repository, for what an issue says: found by counting words, not by a model.

What it knows comes from the base commit: the paths, the files that hold the issue's words, and who changed files last.
"""

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from app.core.embeddings import Passage
from app.core.hidden import one_line
from app.core.tokens import CHARACTERS
from app.core.workspace import Touched

MOST_TOKENS: Final = 2_000
"""Of the whole block: what is worth knowing before the first turn, and no map of everything."""
MOST_WORDS: Final = 24
"""Words of an issue that are looked for. More make the search slow and add nothing."""
_MOST_FORMS: Final = 4
MOST_HITS: Final = 10
_MOST_NAMED: Final = 12
_MOST_ENTRIES: Final = 40
_MOST_LANGUAGES: Final = 6
_LONGEST_PATH: Final = 160
_LONGEST_REMARK: Final = 240
"""Characters of what a reviewer said: what it is about, not all of it."""
_LONGEST_TEXT: Final = 20_000
"""Characters of an issue that words are taken from."""
_TITLE_WEIGHT: Final = 3
_CODE_WEIGHT: Final = 4
"""How much more a word counts that stands in backticks or is written like an identifier."""
_SATURATION: Final = 1.2
_LENGTH: Final = 0.75
"""k1 and b of BM25, the values that are used everywhere (Robertson and Zaragoza, 2009)."""
_FUSION: Final = 5
"""How little it counts to be a place higher: the usual 60 is for orders of a thousand, and here only ten are told."""
_MEANING_WEIGHT: Final = 0.5
"""So a model that knows little of code pushes out nothing that stands high by its words. By `minions eval --recall`."""
_IN_PATH: Final = 2.0
"""How much more a word counts that stands in the path."""

_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{2,60}")
_CODE: Final = re.compile(r"`([^`\n]+)`")
_PATH: Final = re.compile(r"[\w@.+-]+(?:/[\w@.+-]+)+|[\w-]+\.[A-Za-z][A-Za-z0-9]{0,5}\b")
_DOTTED: Final = re.compile(r"(?<![\w/.@-])[a-z_][\w]*(?:\.[A-Za-z_]\w*)+")
_COMMON: Final = frozenset(
    """about above after again all also and any are because been before being below between both but can cannot could
    did does doing done dont down during each else error even every example expected few file files first fix for from
    function get gets give given had has have having her here how http https into issue its just keep know like line
    lines make makes many more most must need needs new none not now off once one only other our out over own please
    problem really return returns same see seems set should show shows since some something still string such than that
    the their them then there these they thing this those though through too true under until use used uses using value
    very want wants was way well were what when where which while who why will with without work works would wrong yes
    you your actual actually behaviour behavior bug code com github version instead currently add added false self null
    def class import test tests""".split()  # noqa: SIM905 - to be read by people
)
_LANGUAGES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("py", "pyi"), "Python"),
    **dict.fromkeys(("ts", "tsx", "mts", "cts"), "TypeScript"),
    **dict.fromkeys(("js", "jsx", "mjs", "cjs"), "JavaScript"),
    **dict.fromkeys(("c", "h"), "C"),
    **dict.fromkeys(("cc", "cpp", "cxx", "hpp", "hh"), "C++"),
    **dict.fromkeys(("kt", "kts"), "Kotlin"),
    **dict.fromkeys(("yml", "yaml"), "YAML"),
    **dict.fromkeys(("sh", "bash"), "Shell"),
    **dict.fromkeys(("ex", "exs"), "Elixir"),
    "go": "Go",
    "rs": "Rust",
    "rb": "Ruby",
    "java": "Java",
    "cs": "C#",
    "php": "PHP",
    "swift": "Swift",
    "scala": "Scala",
    "lua": "Lua",
    "sql": "SQL",
    "html": "HTML",
    "css": "CSS",
    "scss": "CSS",
    "vue": "Vue",
    "svelte": "Svelte",
    "dart": "Dart",
    "hs": "Haskell",
    "ml": "OCaml",
    "erl": "Erlang",
    "md": "Markdown",
    "rst": "reStructuredText",
    "tf": "Terraform",
    "zig": "Zig",
    "jl": "Julia",
    "r": "R",
    "proto": "Protobuf",
}


@dataclass(frozen=True)
class Hit:
    """A file in which words of the issue stand."""

    path: str
    words: tuple[str, ...]
    """Those that count most first; none of a file that was found by meaning alone."""
    line: int = 0
    """Where the passage begins that is near by meaning; 0 if none was found."""


@dataclass(frozen=True)
class Discussed:
    """What a reviewer said about a file when it was changed before."""

    pull_request: int
    path: str
    login: str
    body: str


# -- What to look for ------------------------------------------------------------------------------------------------
def words(title: str, body: str) -> list[str]:
    """What is worth looking for, in small letters: identifiers first, then what is said often."""
    body = body[:_LONGEST_TEXT]
    score: Counter[str] = Counter()
    for text, weight in [(title, _TITLE_WEIGHT), (body, 1), *((code, _CODE_WEIGHT) for code in _CODE.findall(body))]:
        for word in _WORD.findall(text):
            is_code = "_" in word.strip("_") or any(letter.isupper() for letter in word[1:])
            score[_stem(word.lower())] += weight * (_CODE_WEIGHT if is_code and not word.isupper() else 1)
    for word in [word for word in score if word in _COMMON or len(word) < 3]:
        del score[word]
    return [word for word, _ in sorted(score.items(), key=lambda one: (-one[1], one[0]))[:MOST_WORDS]]


def forms(word: str, text: str) -> list[str]:
    """How a word may be written in code: small, with a capital, and as the text has it, identifiers above all.

    Looking for a few spellings is twice as fast as not minding capitals.
    """
    as_written = re.findall(re.escape(word), text[:_LONGEST_TEXT], re.IGNORECASE)
    return list(dict.fromkeys([word, word.capitalize(), *sorted(set(as_written))]))[:_MOST_FORMS]


def _stem(word: str) -> str:
    """Without the s of a plural: words are looked for inside of longer ones."""
    return word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 4 else word


def named(text: str, paths: Sequence[str]) -> list[str]:
    """Files of the repository that the text names: by path, by a path's end, by a name, or as a module of Python."""
    wanted = dict.fromkeys(_said(text[:_LONGEST_TEXT]))
    by_name: dict[str, list[str]] = {said.rpartition("/")[2]: [] for said in wanted}
    for path in paths:
        if (name := path[path.rfind("/") + 1 :]) in by_name:
            by_name[name].append(path)
    found: dict[str, None] = {}
    for said in wanted:
        known = by_name[said.rpartition("/")[2]]
        fitting = [path for path in known if _ends_alike(path, said)]
        if 0 < len(fitting) <= 3:
            found |= dict.fromkeys(fitting)
    return list(found)[:_MOST_NAMED]


def _said(text: str) -> Iterator[str]:
    yield from _PATH.findall(text)
    for dotted in _DOTTED.findall(text):
        parts = dotted.split(".")
        yield from (f"{'/'.join(parts[:end])}.py" for end in range(len(parts), 0, -1))


def _ends_alike(path: str, said: str) -> bool:
    """Whether one is the end of the other: what is said may be shorter, or a path on somebody's machine."""
    said = said.removeprefix("./")
    return path == said or path.endswith(f"/{said}") or ("/" in path and said.endswith(f"/{path}"))


# -- What was found --------------------------------------------------------------------------------------------------
def ranked(
    wanted: Sequence[str],
    texts: Mapping[str, str],
    *,
    holding: Mapping[str, int],
    naming: Mapping[str, int],
    files: int,
    most: int = MOST_HITS,
) -> list[Hit]:
    """The files that speak most of what is wanted, by BM25 with the path as a field that counts more.

    `texts` are the candidates; `holding` and `naming` say in how many of all `files`, and in how many of their paths, a
    word stands.
    """
    folded = {path: text.lower() for path, text in texts.items()}
    average = sum(map(len, folded.values())) / max(len(folded), 1) or 1
    rare = {
        word: (_rarity(holding.get(word, 0), files), _IN_PATH * _rarity(naming.get(word, 0), files)) for word in wanted
    }
    scored = [(*_score(rare, path, text, average), path) for path, text in folded.items()]
    best = sorted((one for one in scored if one[0] > 0), key=lambda one: (-one[0], one[2]))
    return [Hit(path, tuple(found)) for _, found, path in best[:most]]


def fused(by_words: Sequence[Hit], by_meaning: Sequence[Passage], most: int = MOST_HITS) -> list[Hit]:
    """One order of two: what stands high in either comes first, above all what does in both.

    That is reciprocal rank fusion (Cormack, Clarke and Büttcher, 2009).
    """
    lines = {passage.path: passage.line for passage in by_meaning}
    known = {hit.path: hit for hit in by_words}
    score: dict[str, float] = {}
    for order, weight in ((list(known), 1.0), (list(lines), _MEANING_WEIGHT)):
        for place, path in enumerate(order, 1):
            score[path] = score.get(path, 0.0) + weight / (_FUSION + place)
    best = sorted(score, key=lambda path: -score[path])[:most]
    return [Hit(path, known[path].words if path in known else (), lines.get(path, 0)) for path in best]


def _rarity(holding: int, files: int) -> float:
    holding = min(max(holding, 1), files)
    return math.log(1 + (files - holding + 0.5) / (holding + 0.5))


def _score(rare: Mapping[str, tuple[float, float]], path: str, text: str, average: float) -> tuple[float, list[str]]:
    """What a file is worth, and the words that make it so, the weightiest first."""
    norm = _SATURATION * (1 - _LENGTH + _LENGTH * len(text) / average)
    folded = path.lower()
    parts: list[tuple[float, str]] = []
    for word, (in_text, in_path) in rare.items():
        often = text.count(word)
        if value := in_text * often * (_SATURATION + 1) / (often + norm) + in_path * (word in folded):
            parts.append((value, word))
    parts.sort(key=lambda one: -one[0])
    return sum(value for value, _ in parts), [word for _, word in parts]


# -- What is told ----------------------------------------------------------------------------------------------------
def overview(paths: Sequence[str]) -> str:
    """What kinds of files there are, and what lies at the root."""
    return f"{len(paths):,} files: {_languages(paths)}\n\nAt the root:\n" + "\n".join(_root(paths))


def told(
    view: str,
    *,
    mentioned: Sequence[str],
    hits: Sequence[Hit],
    past: Sequence[Touched],
    said: Sequence[Discussed] = (),
) -> str:
    """The block as text, of at most MOST_TOKENS. Names in it were chosen by others."""
    parts = [
        view,
        _section("Files that the issue names", [_path(path) for path in mentioned]),
        _section("Files that speak of it most", [f"{_path(hit.path)}: {_why(hit)}" for hit in hits]),
        _section("Who changed these files last", [_change(one) for one in past]),
        _section("What reviewers said about them then", [_remark(one) for one in said]),
    ]
    text = ""
    for part in filter(None, parts):
        room = MOST_TOKENS * CHARACTERS - len(text)
        text += part[:room] + "\n\n"
    return text.strip()[: MOST_TOKENS * CHARACTERS]


def _section(heading: str, lines: Sequence[str]) -> str:
    return f"{heading}:\n" + "\n".join(f"- {line}" for line in lines) if lines else ""


def _why(hit: Hit) -> str:
    """By which words it was found, and where by meaning."""
    said = ", ".join(hit.words[:8])
    return "; ".join(filter(None, [said, f"near by meaning, from line {hit.line}" if hit.line else ""]))


def _languages(paths: Iterable[str]) -> str:
    counts = Counter[str]()
    for ending, count in Counter([path[path.rfind(".") + 1 :] for path in paths if "." in path]).items():
        if language := _LANGUAGES.get(ending.lower()):
            counts[language] += count
    return (
        ", ".join(f"{name} {count:,}" for name, count in counts.most_common(_MOST_LANGUAGES)) or "of no known language"
    )


def _root(paths: Collection[str]) -> Iterator[str]:
    files = [path for path in paths if "/" not in path]
    folders, inner = Counter[str](), dict[str, set[str]]()
    for folder, count in Counter([path[: path.rfind("/")] for path in paths if "/" in path]).items():
        first, _, rest = folder.partition("/")
        folders[first] += count
        if rest:
            inner.setdefault(first, set()).add(rest.partition("/")[0])
    for folder, count in folders.most_common(_MOST_ENTRIES):
        names = sorted(inner.get(folder, ()))
        shown = (
            f": {', '.join(f'{_path(name)}/' for name in names[:8])}{' …' if len(names) > 8 else ''}" if names else ""
        )
        yield f"- {_path(folder)}/ ({count:,}){shown}"
    if files:
        shown = ", ".join(_path(name) for name in sorted(files)[:_MOST_ENTRIES])
        yield f"- {shown}{' …' if len(files) > _MOST_ENTRIES else ''}"


def _path(path: str) -> str:
    """On one line, without what is not seen."""
    line = one_line(path.encode("utf-8", "replace").decode())
    return line if len(line) <= _LONGEST_PATH else f"{line[:_LONGEST_PATH]}…"


def _remark(one: Discussed) -> str:
    body = one_line(one.body)
    shown = body if len(body) <= _LONGEST_REMARK else f"{body[:_LONGEST_REMARK]}…"
    return f"{_path(one.path)}, in #{one.pull_request}, {one_line(one.login)[:60]}: {shown}"


def _change(one: Touched) -> str:
    number = f", in #{one.pull_request}" if one.pull_request else ""
    where = ", ".join(_path(path) for path in one.paths[:3])
    return f"{one.at} {one_line(one.author)[:60]}{number}: {one_line(one.subject)[:100]} ({where})"
