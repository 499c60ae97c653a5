"""Lines by which code finds out whether it is tested."""

import re
from typing import Final

_ANYWHERE: Final = re.compile(
    r"PYTEST_(?:CURRENT_TEST|VERSION|XDIST\w*|DISABLE_\w+|ADDOPTS)|\b(?:TOX_ENV_(?:NAME|DIR)|NOX_CURRENT_SESSION)\b"
    r"|NODE_TEST_CONTEXT|JEST_WORKER_ID|VITEST_(?:WORKER|POOL)_ID"
)
_BY_LANGUAGE: Final = {
    "python": re.compile(
        r"\bsys\.modules\b.*['\"](?:pytest|unittest|_pytest|nose)|['\"](?:pytest|unittest|_pytest|nose)\w*['\"].*\bsys\.modules\b"
        r"|['\"](?:pytest|unittest)['\"].*\b(?:sys\.argv|os\.environ)|\bsys\.argv\b.*(?:pytest|unittest)"
        r"|['\"]tests?['\"] in .*\bjoin\(sys\.argv|\b_?called_from_test\b|^\s+(?:import|from)\s+_?pytest\b"
        r"|(?:\bstack\(\)|extract_stack\(|_getframe\(|currentframe\().*['\"]_?(?:py)?test"
        r"|['\"]_?(?:py)?test\w*['\"].*(?:\bstack\(\)|extract_stack\(|_getframe\(|currentframe\()"
    ),
    "javascript": re.compile(
        r"\btypeof (?:jest|vi|describe|it|test|expect|(?:before|after)(?:Each|All))\b"
        r"|\bglobalThis\.(?:jest|vi|describe|it|expect)\b"
        r"|\bprocess\.env(?:\??\.|\[['\"])(?:NODE_ENV|npm_lifecycle_event)(?:['\"]\])?\s*={2,3}\s*['\"`]test"
        r"|\bprocess\.env(?:\??\.|\[['\"])VITEST\b|\{[^}]*\bVITEST\b[^}]*\}\s*=\s*process\.env"
        r"|\bprocess\.argv\b.*(?:vitest|jest|mocha)|\.stack\b.*['\"`/](?:__)?(?:test|spec|jest|vitest)"
    ),
    "go": re.compile(
        r"\btesting\.Testing\(\)|flag\.Lookup\(\s*\"test\.|\bos\.Args\[0\].*\"[^\"]*test|\bruntime\.Caller\w*\(.*_test"
    ),
    "rust": re.compile(r"\bcfg!\(\s*(?:not\(\s*)?test\b|^\s*#\[cfg\(not\(test\)\)\]"),
}


def watches(language: str, text: str) -> bool:
    """Whether a line of source code looks for a runner of tests."""
    pattern = _BY_LANGUAGE.get(language)
    return _ANYWHERE.search(text) is not None or (pattern is not None and pattern.search(text) is not None)
