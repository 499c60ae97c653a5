import pytest

from blueprints.refactor.public import changes, public

BEFORE = """
import os
from .other import helper
LIMIT = 3
_hidden = 1


def net(amount: int, *rest, per_cent=10, **more): ...


async def fetch(url): ...


class Box(Base):
    size: int = 1

    def __init__(self, size): ...
    def put(self, thing, /): ...
    def _inner(self): ...


try:
    import fast
except ImportError:
    def slow(): ...
"""


def test_names_and_parameters_of_python() -> None:
    assert public("a.py", BEFORE) == {
        "os": "import",
        "helper": "import",
        "LIMIT": "",
        "net": "(amount, *rest, per_cent=10, **more)",
        "fetch": "async (url)",
        "Box": "class(Base)",
        "Box.size": "",
        "Box.__init__": "(self, size)",
        "Box.put": "(self, thing, /)",
        "fast": "import",
        "slow": "()",
    }


@pytest.mark.parametrize(
    ("before", "after", "said", "told"),
    [
        ("def f(a): ...", "def f(a: int) -> int: ...", "", []),
        ("def f(a): ...", "def f(b): ...", "", ["`f(a)` is called otherwise now: `f(b)`"]),
        ("def f(a): ...", "def f(a, b=1): ...", "", ["`f(a)` is called otherwise now: `f(a, b=1)`"]),
        ("def f(a): ...", "def f(b): ...", "Call the `a` of `f` `b`", []),
        ("def f(a, b): ...", "def f(a): ...", "`f` has no use for `b`", []),
        ("def f(a): ...", "def f(b): ...", "Unfold `f`", ["`f(a)` is called otherwise now: `f(b)`"]),
        ("def f(a): ...", "", "`f` is used by nobody", []),
        ("def f(a): ...", "from .g import f", "", []),
        ("def f(a): ...", "", "", ["`f` is gone"]),
        ("def f(): ...", "async def f(): ...", "", ["`f()` is called otherwise now: `fasync ()`"]),
        ("import os\n_a = 1", "", "", []),
        ("class A:\n    def m(self): ...", "class A:\n    pass", "", ["`A.m` is gone"]),
        ("class A:\n    def m(self): ...", "class A(B):\n    pass", "", []),
        ("def f(): ...\nX = 1", "def (", "", ["`f` is gone", "`X` is gone"]),
    ],
)
def test_what_others_would_miss(before: str, after: str, said: str, told: list[str]) -> None:
    assert list(changes(public("a.py", before) or {}, public("a.py", after) or {}, said)) == told


@pytest.mark.parametrize(
    ("path", "text", "names"),
    [
        ("a.ts", "export function f() {}\nexport const g = 1;\nconst h = 2;\nexports.k = 1;\n", {"f", "g", "k"}),
        ("a.go", "func F() {}\nfunc (t T) M() {}\nfunc g() {}\ntype T struct{}\n", {"F", "M", "T"}),
        ("a.rs", "pub fn f() {}\nfn g() {}\n    pub async fn h() {}\n", {"f", "h"}),
        ("A.java", "public class A {\n  public static int f(int a) {\n  private int g() {\n", {"A", "f"}),
    ],
)
def test_names_of_other_languages(path: str, text: str, names: set[str]) -> None:
    assert set(public(path, text) or ()) == names


@pytest.mark.parametrize("path", ["tests/test_a.py", "_inner/a.py", "a/_b.py", "internal/a.go", "a.txt", "a.rb"])
def test_where_nothing_is_public(path: str) -> None:
    assert public(path, "def f(): ...") is None
