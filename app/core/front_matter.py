"""The few lines between `---` at the beginning of a Markdown file, read leniently.

Files of this kind are written for several tools, and much of it is no YAML: `globs: *.ts, src/**` is usual.
"""

from collections.abc import Iterator, Mapping
from typing import Final

_FENCE: Final = "---"
_MOST_LINES: Final = 200
"""Of the part between the fences; hand-written ones have five."""
_MOST_VALUES: Final = 200


def split(text: str) -> tuple[Mapping[str, tuple[str, ...]], str]:
    """The values of each key, and the text below. A key without a value has none; without a front matter all is text.

    A value is a line, an inline list, words with commas between them, or a list of lines that begin with `-`.
    """
    lines = text.split("\n")
    if lines[0].rstrip() != _FENCE:
        return {}, text
    ends = (number for number, line in enumerate(lines[1 : _MOST_LINES + 2], 1) if line.rstrip() == _FENCE)
    end = next(ends, None)
    if end is None:
        return {}, text
    return _read(lines[1:end]), "\n".join(lines[end + 1 :])


def sentence(values: tuple[str, ...]) -> str:
    """What was split at its commas, as the sentence that it was."""
    return ", ".join(values)


def _read(lines: list[str]) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    key = ""
    for line in lines:
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        if key and stripped.startswith("- "):
            found[key] += _values(stripped[2:])
        elif key and line[0].isspace():
            found[key] += _values(stripped)  # a value that goes on, as in `description: >`
        elif ":" in line:
            key, _, value = stripped.partition(":")
            key = key.strip().strip("\"'")
            found[key] = [] if value.strip() in {"", ">", "|", ">-", "|-"} else [*_values(value)]
    return {name: tuple(values[:_MOST_VALUES]) for name, values in found.items()}


def _values(text: str) -> Iterator[str]:
    """What stands between commas; not those in braces, which are part of a glob."""
    text = text.strip()
    if len(text) > 1 and text[0] == "[" and text[-1] == "]":
        text = text[1:-1]
    depth, begin = 0, 0
    for at, letter in enumerate([*text, ","]):
        depth += (letter == "{") - (letter == "}")
        if letter == "," and (depth <= 0 or at == len(text)):
            if value := text[begin:at].strip().strip("\"'").strip():
                yield value
            begin = at + 1
