"""Files of settings: what they say, and what stands in them only for people (comments, order, layout)."""

import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

import yaml

from app.core.commented_json import parse as parse_commented

MOST_CHARACTERS: Final = 500_000
"""Of a file that is looked at: a longer one was written by a program."""
_YAML: Final = frozenset([".yaml", ".yml"])
_JSON: Final = frozenset([".json", ".jsonc", ".json5"])
_STRINGS: Final = {
    ".toml": re.compile(
        r'"""(?:\\.|[^\\])*?"""|\'\'\'.*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|(?P<comment>#[^\n]*)', re.DOTALL
    ),
    ".json": re.compile(r'"(?:\\.|[^"\\\n])*"|(?P<comment>//[^\n]*|/\*.*?\*/)', re.DOTALL),
}
_YAML_COMMENT: Final = re.compile(r"(?:^|(?<=[\s]))#[^\n]*", re.MULTILINE)
_SCHEMA_COMMENT: Final = re.compile(r"(?:yaml-language-server:\s*\$schema=|#:schema\s+)(\S+)")
_MOST_REWRITTEN: Final = 3
"""Lines that may look otherwise and say the same, besides one for each setting that changed."""


def is_settings(path: str) -> bool:
    """Whether it is a file that is looked at here."""
    return PurePosixPath(path).suffix.lower() in _YAML | _JSON | {".toml"}


class Unreadable(ValueError):
    """A file is not of its format; the text says where and why."""


class _Loader(yaml.SafeLoader):
    """Builds plain values; what a tag such as `!Ref` would make is left as it is written."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Without references: they can stand for more than fits in memory."""
        if self.check_event(yaml.AliasEvent):
            event = self.get_event()  # type: ignore[no-untyped-call]  # the stubs leave it out
            return yaml.ScalarNode("tag:yaml.org,2002:str", f"*{event.anchor}", event.start_mark, event.end_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:  # noqa: FBT001, FBT002 - PyYAML's own
        """As PyYAML does, but a key that is there twice is a mistake."""
        keys = [one.value for one, _ in node.value if isinstance(one, yaml.ScalarNode) and one.value != "<<"]
        if twice := [key for key, count in Counter(keys).items() if count > 1]:
            raise Unreadable(f"line {node.start_mark.line + 1}: the key {twice[0]!r} is there twice")
        return super().construct_mapping(node, deep)

    def flatten_mapping(self, node: Any) -> None:
        """`<<` stays a key like any other."""


def _other(loader: Any, _suffix: str, node: Any) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return node.value


_Loader.add_multi_constructor("!", _other)
_Loader.add_constructor("tag:yaml.org,2002:merge", lambda _, node: node.value)


def read(path: str, text: str) -> Any:
    """What a file says, mappings in their order; of YAML a list of its documents. Raises Unreadable."""
    try:
        suffix = PurePosixPath(path).suffix.lower()
        if suffix in _YAML:
            return list(yaml.load_all(text, _Loader))
        if suffix == ".toml":
            return tomllib.loads(text)
        return _json(text)
    except Unreadable:
        raise
    except (ValueError, yaml.YAMLError, TypeError, AttributeError) as error:
        raise Unreadable(" ".join(str(error).split())[:300]) from None
    except (RecursionError, MemoryError):
        raise Unreadable("it is nested too deeply") from None


def _json(text: str) -> Any:
    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        if twice := [key for key, count in Counter(key for key, _ in found).items() if count > 1]:
            raise Unreadable(f"the key {twice[0]!r} is there twice")
        return dict(found)

    try:
        return json.loads(text, object_pairs_hook=pairs)
    except json.JSONDecodeError as plain:
        try:
            return parse_commented(text)
        except ValueError:
            raise plain from None


def is_plain(path: str, text: str) -> bool:
    """Whether it is JSON that every program reads: no comments, no comma too many. True of other formats."""
    if PurePosixPath(path).suffix.lower() not in _JSON:
        return True
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def flat(value: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """Every single setting by its path, `a.b[0].c`."""
    if isinstance(value, Mapping) and value:
        for key, inside in value.items():
            yield from flat(inside, f"{at}.{key}" if at else str(key))
    elif isinstance(value, list) and value:
        for number, inside in enumerate(value):
            yield from flat(inside, f"{at}[{number}]")
    else:
        yield at, value


@dataclass(frozen=True)
class Comment:
    """Words for people, and the line that they are about: their own, or the next one with a setting."""

    text: str
    about: str


def comments(path: str, text: str) -> list[Comment]:
    """All of a file. Raises Unreadable."""
    spans = _comment_spans(path, text)
    blanked = text
    for start, end in reversed(spans):
        blanked = blanked[:start] + re.sub(r"[^\n]", " ", blanked[start:end]) + blanked[end:]
    lines = [line.strip() for line in blanked.split("\n")]
    found = []
    for start, end in spans:
        row = text.count("\n", 0, start)
        last = text.count("\n", 0, end)
        about = lines[row] or lines[last] or next((line for line in lines[last + 1 :] if line), "")
        found.append(Comment(" ".join(text[start:end].split()), about.rstrip(",")))
    return found


def _comment_spans(path: str, text: str) -> list[tuple[int, int]]:
    suffix = PurePosixPath(path).suffix.lower()
    if suffix not in _YAML:
        pattern = _STRINGS[".toml" if suffix == ".toml" else ".json"]
        return [match.span("comment") for match in pattern.finditer(text) if match["comment"] is not None]
    try:
        tokens = [token for token in yaml.scan(text) if isinstance(token, yaml.ScalarToken)]
    except (yaml.YAMLError, RecursionError) as error:
        raise Unreadable(" ".join(str(error).split())[:300]) from None
    inside = bytearray(len(text) + 1)
    for token in tokens:
        start, end = token.start_mark.index, token.end_mark.index
        if token.style in {"|", ">"}:  # its first line may have a comment
            start = text.find("\n", start, end) if "\n" in text[start:end] else end
        inside[start:end] = b"\1" * (end - start)
    return [match.span() for match in _YAML_COMMENT.finditer(text) if not inside[match.start()]]


def lost_comments(path: str, before: str, after: str) -> list[str]:
    """Comments that went, although what they are about stayed as it was. Raises Unreadable."""
    left = Counter(one.text for one in comments(path, after))
    stays = {line.split("#")[0].strip().rstrip(",") for line in after.split("\n")}
    stays |= {one.about for one in comments(path, after)} | {line.strip().rstrip(",") for line in after.split("\n")}
    lost = []
    for one in comments(path, before):
        if left[one.text] > 0:
            left[one.text] -= 1
        elif not one.about or one.about in stays:
            lost.append(one.text)
    return lost


def moved(before: Any, after: Any, at: str = "") -> Iterator[str]:
    """Paths of mappings whose keys come in another order than before."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        both = [key for key in before if key in after]
        if both != [key for key in after if key in before]:
            yield at or "the top"
        for key in both:
            yield from moved(before[key], after[key], f"{at}.{key}" if at else str(key))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from moved(old, new, f"{at}[{number}]")


def rewritten(before: str, after: str, changed: int) -> int:
    """How many lines look otherwise and say the same, if more do than `changed` settings bring with them; else 0."""
    old, new = _lines(before), _lines(after)
    gone, came = old - new, new - old
    bare = Counter[str]()
    for line, count in came.items():
        bare[_bare(line)] += count
    same = 0
    for line, count in gone.items():
        both = min(count, bare[_bare(line)]) if _bare(line) else 0
        bare[_bare(line)] -= both
        same += both
    return same if same > changed + _MOST_REWRITTEN else 0


def _lines(text: str) -> Counter[str]:
    return Counter(line.rstrip().rstrip(",") for line in text.split("\n") if line.strip(" \t,{}[]"))


def _bare(line: str) -> str:
    return re.sub(r"[\s'\",]", "", line)


def schema_of(path: str, text: str, value: Any) -> str:
    """The schema that a file names, as it stands there; empty if it names none."""
    if match := _SCHEMA_COMMENT.search(text):
        return match[1]
    top = value[0] if isinstance(value, list) and PurePosixPath(path).suffix.lower() in _YAML and value else value
    named = top.get("$schema") if isinstance(top, Mapping) else None
    return named if isinstance(named, str) else ""


def plain(value: Any) -> Any:
    """The same with nothing that JSON has not: dates of TOML and YAML as text."""
    if isinstance(value, Mapping):
        return {str(key): plain(inside) for key, inside in value.items()}
    if isinstance(value, list):
        return [plain(inside) for inside in value]
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)
