"""What was typed into an issue form. GitHub makes one text of it: a heading of the third level for each field.

https://docs.github.com/en/communities/using-templates-to-encourage-useful-issues-and-pull-requests/about-issue-and-pull-request-templates
"""

import re
from typing import Final

from pydantic import BaseModel

_HEADING: Final = re.compile(r"^### (\S.*?)[ \t]*$", re.MULTILINE)
_FENCE: Final = re.compile(r"^(`{3,}|~{3,}).*?^\1[`~]*[ \t]*$", re.MULTILINE | re.DOTALL)
_UNANSWERED: Final = "_No response_"
"""What GitHub writes for a field that was left empty."""
_MOST: Final = 50


class Field(BaseModel, frozen=True):
    """One field that was filled in."""

    label: str
    value: str


def fields(body: str) -> tuple[Field, ...]:
    """The fields that were filled in, in their order; none if the text does not begin as a form's does."""
    text = body.replace("\r\n", "\n").strip()
    fences = [found.span() for found in _FENCE.finditer(text)]
    found = [one for one in _HEADING.finditer(text) if not any(start <= one.start() < end for start, end in fences)]
    if not found or found[0].start() != 0 or len(found) > _MOST:
        return ()
    ends = [one.start() for one in found[1:]] + [len(text)]
    filled = ((one[1], text[one.end() : end].strip()) for one, end in zip(found, ends, strict=True))
    return tuple(Field(label=label, value=value) for label, value in filled if value not in {"", _UNANSWERED})


def answered(body: str) -> str:
    """The text without the fields that nobody filled in; as it is, if it is not from a form."""
    filled = fields(body)
    if not filled or _UNANSWERED not in body:
        return body
    return "\n\n".join(f"### {one.label}\n\n{one.value}" for one in filled)
