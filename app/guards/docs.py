"""Documentation that may be wrong now: what others use has changed, and no word about it."""

import re
from collections.abc import Iterator
from typing import Final

from app.core.guards import Finding, Weight
from app.core.kinds import is_document, is_source, language
from app.core.repo_config import PATH
from app.guards.guard import Guard, Subject

NAME: Final = "documentation"

_PUBLIC: Final = {
    "python": re.compile(
        r"^(?:async )?def (?P<function>[a-z]\w*)\(.*|^class (?P<class>[A-Z]\w*)"
        r"|\badd_argument\(\s*['\"](?P<option>--?[\w-]+)"
        r"|@(?:\w+\.)?(?:option|argument|command|route|get|post|put|delete|patch)\(\s*['\"](?P<command>[^'\"]+)"
    ),
    "javascript": re.compile(
        r"^export (?:default )?(?:async )?(?:function|class|const|interface|type|enum) (?P<export>\w+).*"
        r"|^(?:module\.)?exports\.(?P<old>\w+)\s*=|\.option\(\s*['\"](?P<option>--?[\w-]+)"
    ),
    "go": re.compile(
        r"^func (?:\([^)]*\) )?(?P<function>[A-Z]\w*)\(.*|^type (?P<type>[A-Z]\w*)|\bflag\.\w+\(\s*\"(?P<option>[\w-]+)"
    ),
    "rust": re.compile(r"^\s*pub (?:async |unsafe |const )*(?:fn|struct|enum|trait|mod) (?P<item>\w+).*"),
    "java": re.compile(
        r"^\s*public (?:static |final |abstract )*(?:class|interface|enum|record|[\w<>\[\]]+) (?P<item>\w+)\s*[({].*"
    ),
}
"""Lines that others rely on, where a pattern tells it; what is private by convention does not match."""
_INSIDE: Final = re.compile(r"(?:^|/)(?:_[a-z]\w*|internal|private)(?:/|\.\w+$)")
_MOST_NAMED: Final = 5


def look(subject: Subject) -> Iterator[Finding]:
    """One finding if something public came, went or looks otherwise now, and no documentation is touched."""
    if any(is_document(file.path) for file in subject.patch.files):
        return
    names: dict[str, tuple[str, int, bool]] = {}
    for file in subject.texts():
        pattern = _PUBLIC.get(language(file.path))
        if pattern is None or not is_source(file.path) or _INSIDE.search(file.path):
            continue
        gone = {line.text.strip() for line in subject.removed(file.path)}
        came = {line.text.strip() for line in subject.added(file.path)}
        lines = [(line, False) for line in subject.added(file.path)]
        lines += [(line, True) for line in subject.removed(file.path)]
        for line, is_before in lines:
            match = pattern.search(line.text)
            if match and not (line.text.strip() in gone and line.text.strip() in came):
                name = next((value for value in match.groupdict().values() if value), "")
                names.setdefault(name, (file.path, line.number, is_before))
    if names:
        path, number, is_before = next(iter(names.values()))
        shown = ", ".join(f"`{name[:60]}`" for name in list(names)[:_MOST_NAMED])
        is_required = subject.config.docs_required
        why = f", which `docs_required` in `{PATH}` wants" if is_required else ""
        sentence = f"What others use is changed here ({shown}), and no documentation{why}. See whether some has to be."
        weight = Weight.MEND if is_required else Weight.REMARK
        yield Finding(guard=NAME, sentence=sentence, path=path, line=number, is_before=is_before, weight=weight)


GUARD: Final = Guard(NAME, look)
