import ast

from app.core.mutations import mutations, without

SOURCE = '''\
"""Words."""


def chosen(words, most=3):
    """Not every word."""
    if len(words) < most and not words[0]:
        return f"{1 + 1} ä"
    return words[1:]


class Box:
    def is_full(self):
        return self.size == 10 or True


def __getattr__(name):
    return 1
'''


def changes() -> list[tuple[str, str, str]]:
    """Function, line before, line after."""
    before = SOURCE.splitlines()
    found = []
    for mutation in mutations(SOURCE):
        after = mutation.text.splitlines()
        (number,) = [number for number, line in enumerate(before) if after[number] != line]
        assert number == mutation.line - 1
        found.append((mutation.function, before[number].strip(), after[number].strip()))
    return found


def test_each_is_one_mistake_in_one_place() -> None:
    assert changes() == [
        (
            "chosen",
            "if len(words) < most and not words[0]:",
            "if len(words) < most or not words[0]:",
        ),
        ("chosen", "if len(words) < most and not words[0]:", "if len(words) <= most and not words[0]:"),
        ("chosen", "if len(words) < most and not words[0]:", "if len(words) < most and words[0]:"),
        ("chosen", "if len(words) < most and not words[0]:", "if len(words) < most and not words[1]:"),
        ("chosen", "return words[1:]", "return words[2:]"),
        ("Box.is_full", "return self.size == 10 or True", "return self.size == 10 and True"),
        ("Box.is_full", "return self.size == 10 or True", "return self.size != 10 or True"),
        ("Box.is_full", "return self.size == 10 or True", "return self.size == 11 or True"),
        ("Box.is_full", "return self.size == 10 or True", "return self.size == 10 or False"),
    ]


def test_every_one_is_code() -> None:
    for mutation in mutations(SOURCE):
        ast.parse(mutation.text)


TESTS = """\
import x


@x.each(
    1,
)
def test_one():
    pass


class T:
    def test_two(self):
        pass
"""


def test_tests_are_taken_out_whole() -> None:
    assert (
        without(TESTS, frozenset(["test_one"])) == "import x\n\n\n\n\nclass T:\n    def test_two(self):\n        pass\n"
    )
