"""JSON with comments and trailing commas, as editors and dev containers write it."""

import json
import re
from typing import Any, Final

_STRING: Final = r'"(?:\\.|[^"\\])*(?:"|\Z)'
_COMMENT: Final = re.compile(rf"({_STRING})|//[^\n]*|/\*.*?(?:\*/|\Z)", re.DOTALL)
_TRAILING_COMMA: Final = re.compile(rf"({_STRING})|,(?=\s*[}}\]])", re.DOTALL)


def parse(text: str) -> Any:
    """The value. Raises ValueError where it is not JSON even without them; RecursionError if it is far too deep."""
    for extra in (_COMMENT, _TRAILING_COMMA):
        text = extra.sub(lambda found: found[1] or " ", text)
    return json.loads(text)
