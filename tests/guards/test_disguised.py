# ruff: noqa: E501 - a case is a line
"""Secrets in pieces, in escapes and encoded; and what is near them."""

import base64

import pytest

from app.guards import secrets
from tests.guards.changes import found

pytestmark = [pytest.mark.gates, pytest.mark.hostile]

TOKEN = "ghp_" + "a8Kd03jfLw9qPz72mXcVb5Rt1YhN6GsEu4Qo"
A, B = TOKEN[:20], TOKEN[20:]
WRITTEN = {
    "beside": f'T = "{A}" "{B}"',
    "added": f"T = '{A}' + '{B}'",
    "joined": f"T = ''.join(['{A}', '{B}'])",
    "on lines": f'T = (\n    "{A}"\n    "{B}"\n)',
    "added on lines": f'const t = "{A}" +\n  "{B}";',
    "added at the next line": f'var t = "{A}"\n    + "{B}";',
    "a line that goes on": f"T={A}\\\n{B}",
    "prefixed": f'T = b"{A}" b"{B}"',
    "base64": f'T = "{base64.b64encode(TOKEN.encode()).decode()}"',
    "base64 for addresses": f'T = "{base64.urlsafe_b64encode(b"??>>" + TOKEN.encode()).decode().rstrip("=")}"',
    "base64 in pieces": f'T = "{base64.b64encode(TOKEN.encode()).decode()[:30]}" "{base64.b64encode(TOKEN.encode()).decode()[30:]}"',
    "hexadecimal": f'T = bytes.fromhex("{TOKEN.encode().hex()}")',
    "escapes": 'T = "' + "".join(f"\\x{ord(each):02x}" for each in TOKEN) + '"',
    "escapes of JavaScript": 'T = "' + "".join(f"\\u00{ord(each):02x}" for each in TOKEN) + '"',
    "a word behind it": f'T = "{TOKEN}example"',
    "a word before it": f'T = "example {TOKEN}"',
}  # fmt: skip
OTHER = {
    "a picture": f'I = "{base64.b64encode(bytes(range(256))).decode()}"',
    "a digest": f'D = "sha256:{"0123456789abcdef" * 4}"',
    "text": f'T = "{base64.b64encode(b"Nothing to see here, move on please").decode()}"',
    "a stand-in in pieces": 'T = "ghp_" "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"',
    "said to be one": "T = 'AKIAIOSFODNN7EXAMPLE'",
    "an example": "U = 'https://user:passw0rd1@example.com/'",
    "a list of words": "W = ['alpha', 'beta', 'gamma', 'delta', 'epsilon', 'zeta', 'eta', 'theta', 'iota', 'kappa']",
    "from the environment": 'PASSWORD = os.environ["SHOP_PASSWORD_2024_A1"]',
    "a name": "password_field = 'current-password-1'",
}  # fmt: skip


@pytest.mark.parametrize("case", WRITTEN)
async def test_a_secret_is_found_however_it_is_written(case: str) -> None:
    findings = await found({}, {"a.py": f"x = 1\n{WRITTEN[case]}\n"}, guards=(secrets.GUARD,))
    assert {each.weight.value for each in findings} == {"mend"}
    assert min(each.line for each in findings) in {2, 3}
    assert TOKEN not in repr(findings)


@pytest.mark.parametrize("case", OTHER)
async def test_other_text_is_none(case: str) -> None:
    assert await found({}, {"a.py": f"x = 1\n{OTHER[case]}\n"}, guards=(secrets.GUARD,)) == []


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("a.py", 'DB_PASSWORD = "tR7#kq9!Lm2xZv"'),
        ("a.py", 'API_KEY = "9f8a7b6c5d4e3f2a1b0c9d8e7f6a5b4c"'),
        (".env", "SECRET_KEY=9f8a7b6c5d4e3f2a1b0c9d8e7f6a5b4c"),
        ("a.ts", 'headers: { Authorization: "Bearer 9f8a7b6c5d4e3f2a1b0c9d8e7f6a5b4c" },'),
        ("a.yaml", "api-key: 9f8a7b6c5d4e3f2a1b0c9d8e7f6a5b4c"),
    ],
)
async def test_a_value_that_may_be_one_is_told_to_the_reviewer(path: str, line: str) -> None:
    findings = await found({}, {path: f"{line}\n"}, guards=(secrets.GUARD,))
    assert [(each.weight.value, each.line) for each in findings] == [("remark", 1)]
    assert await found({}, {f"tests/{path}": f"{line}\n"}, guards=(secrets.GUARD,)) == []


@pytest.mark.timeout(60)
async def test_no_text_takes_years() -> None:
    for text in ("'" * 200_000, '" "' * 90_000, "A" * 300_000, "\\x61" * 60_000, "ab" * 100_000, "api_key = " * 30_000):
        await found({}, {"a.py": text + "\n"}, guards=(secrets.GUARD,))
