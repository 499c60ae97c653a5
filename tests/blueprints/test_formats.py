import pytest

from blueprints.config.formats import (
    Unreadable,
    comments,
    flat,
    is_plain,
    lost_comments,
    moved,
    plain,
    read,
    rewritten,
    schema_of,
)


@pytest.mark.parametrize(
    ("path", "text", "value"),
    [
        ("a.yaml", "a: 1\nb: [x, 'y']\n", [{"a": 1, "b": ["x", "y"]}]),
        ("a.yml", "a: !Ref b\n---\n- !Sub {c: 1}\n", [{"a": "b"}, [{"c": 1}]]),
        ("a.yaml", "base: &x {a: 1}\nb:\n  <<: *x\n  a: 2\n", [{"base": {"a": 1}, "b": {"<<": "*x", "a": 2}}]),
        ("a.toml", "[a]\nb = 1 # c\n", {"a": {"b": 1}}),
        ("a.json", '{"a": [1]}', {"a": [1]}),
        ("a.json", '{"a": 1, // c\n}', {"a": 1}),
    ],
)
def test_what_a_file_says(path: str, text: str, value: object) -> None:
    assert read(path, text) == value


@pytest.mark.parametrize(
    ("path", "text", "told"),
    [
        ("a.yaml", "a: 1\nb: 2\na: 3\n", "line 1: the key 'a' is there twice"),
        ("a.json", '{"a": 1, "a": 2}', "the key 'a' is there twice"),
        ("a.toml", "a = 1\na = 2\n", "Cannot overwrite a value"),
        ("a.yaml", "a: [1\n", "expected ',' or ']'"),
        ("a.json", "{a: 1}", "Expecting property name"),
        ("a.yaml", "a: {{ x }}\n", ""),
        ("a.json", "[" * 100_000, "too deeply"),
        ("a.yaml", "[" * 10_000, ""),
        ("a.yaml", "!!python/object:os.system x", "could not determine a constructor"),
    ],
)
def test_what_cannot_be_read(path: str, text: str, told: str) -> None:
    with pytest.raises(Unreadable) as error:
        read(path, text)
    assert told in str(error.value)


@pytest.mark.hostile
def test_references_do_not_multiply() -> None:
    lines = ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30))]
    (value,) = read("a.yaml", "\n".join(lines))
    assert value["a29"] == ["*a28"] * 9


@pytest.mark.parametrize(
    ("path", "text", "found"),
    [
        (
            "a.yaml",
            "# top\n\na: 1  # of a\nb: 'x # y'\nc: |\n  # text\nd: x#y\n",
            [("# top", "a: 1"), ("# of a", "a: 1")],
        ),
        ("a.yaml", "a: | # first\n  # text\n# last\n", [("# first", "a: |"), ("# last", "")]),
        ("a.toml", 'a = \'#\' # one\nb = """\n# no\n"""\n# two\n[c]\n', [("# one", "a = '#'"), ("# two", "[c]")]),
        (
            "a.json",
            '{\n  // one\n  "a": "// no",\n  /* two\n  lines */ "b": 1\n}',
            [("// one", '"a": "// no"'), ("/* two lines */", '"b": 1')],
        ),
    ],
)
def test_comments_and_what_they_are_about(path: str, text: str, found: list[tuple[str, str]]) -> None:
    assert [(one.text, one.about) for one in comments(path, text)] == found


BEFORE = "# top\n\na: 1  # of a\n# of b\nb: 2\n"


@pytest.mark.parametrize(
    ("after", "lost"),
    [
        (BEFORE.replace("b: 2", "b: 3"), []),
        ("# top\n\na: 1  # of a\n", []),
        ("# top\n\na: 1  # of a\nb: 3\n", []),
        ("# top\n\na: 1  # of a\nb: 2\n", ["# of b"]),
        ("# top\n\na: 1\nb: 2\n", ["# of a", "# of b"]),
        ("# top\n\na: 5\n# of b\nb: 2\n", []),
        ("a: 1  # of a\n# of b\nb: 2\n", ["# top"]),
        ("# top\n\na: 1  # of a\nc: 1\n# of b\nb: 2\n", []),
    ],
)
def test_a_comment_may_go_with_what_it_is_about(after: str, lost: list[str]) -> None:
    assert lost_comments("a.yaml", BEFORE, after) == lost


@pytest.mark.parametrize(
    ("before", "after", "places"),
    [
        ({"a": 1, "b": 2}, {"a": 1, "c": 3, "b": 5}, []),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, ["the top"]),
        ({"x": {"a": 1, "b": 2}}, {"x": {"b": 2, "a": 1}}, ["x"]),
        ([{"a": 1, "b": 2}], [{"b": 2, "a": 1}], ["[0]"]),
        ({"a": 1, "b": 2}, {"b": 2}, []),
    ],
)
def test_keys_stay_in_their_order(before: object, after: object, places: list[str]) -> None:
    assert list(moved(before, after)) == places


TEN = "".join(f'  "key{number}": {number},\n' for number in range(10))


@pytest.mark.parametrize(
    ("before", "after", "changed", "count"),
    [
        (f"{{\n{TEN}}}", f"{{\n{TEN}}}", 0, 0),
        (f"{{\n{TEN}}}", f"{{\n{TEN.replace('  ', '    ')}}}", 1, 10),
        (f"{{\n{TEN}}}", f"{{\n{TEN.replace('  ', '    ')}}}", 7, 0),
        ("a: 'x'\n", 'a: "x"\n', 0, 0),
        (TEN, TEN.replace(": 5", ": 50"), 1, 0),
        (TEN.rstrip(",\n"), TEN + '  "more": 1', 1, 0),
    ],
)
def test_lines_that_were_only_written_otherwise(before: str, after: str, changed: int, count: int) -> None:
    assert rewritten(before, after, changed) == count


@pytest.mark.parametrize(
    ("path", "text", "schema"),
    [
        ("a.json", '{"$schema": "./s.json"}', "./s.json"),
        ("a.yaml", "# yaml-language-server: $schema=s.json\na: 1\n", "s.json"),
        ("a.yaml", "$schema: s.json\n", "s.json"),
        ("a.toml", "#:schema ../s.json\na = 1\n", "../s.json"),
        ("a.toml", 'a = 1\n"$schema" = "https://x.test/s.json"\n', "https://x.test/s.json"),
        ("a.json", '{"$schema": 1}', ""),
        ("a.json", "[1]", ""),
    ],
)
def test_the_schema_that_a_file_names(path: str, text: str, schema: str) -> None:
    assert schema_of(path, text, read(path, text)) == schema


def test_values_by_their_place() -> None:
    assert dict(flat({"a": {"b": [1, {"c": 2}]}, "d": {}})) == {"a.b[0]": 1, "a.b[1].c": 2, "d": {}}
    assert plain(read("a.toml", "a = 2026-01-02\nb = [1.5, true]\n")) == {"a": "2026-01-02", "b": [1.5, True]}
    assert (is_plain("a.json", "{}"), is_plain("a.json", "{} // x"), is_plain("a.yaml", "a: [")) == (True, False, True)
