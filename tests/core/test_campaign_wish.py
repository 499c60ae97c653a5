"""What an issue has to say for a campaign, and how people write it."""

import pytest

from app.core.campaign_wish import MOST_PARTS, Fault, Spot, Wish, spots, wish_of
from tests.tasks import task

LIST = """Use httpx instead of requests.

repositories:
- octo/cat
- [ ] `octo/dog`
- [x] octo/done
* https://github.com/Octo/ox.git
1. octo/lib-*

limit: 2
budget: $20

gone: `import requests`
"""
FORM = """### What is to be changed

Use httpx.

### Repositories

octo/cat
octo/dog, octo/ox

### Limit

2

### Budget

20 dollars

### Anything else

No."""


def read(body: str, instructions: str = "") -> Wish:
    found = wish_of(task(body=body, instructions=instructions))
    assert found is not None
    return found


def test_a_list_with_its_limit_and_its_budget() -> None:
    wish = read(LIST)
    assert wish.repositories == ("octo/cat", "octo/dog", "Octo/ox", "octo/lib-*")
    assert (wish.limit, wish.budget_usd, wish.fault) == (2, 20.0, "")
    assert wish.body == "Use httpx instead of requests.\n\ngone: `import requests`"


def test_an_issue_form_says_the_same() -> None:
    wish = read(FORM)
    assert wish.repositories == ("octo/cat", "octo/dog", "octo/ox")
    assert (wish.limit, wish.budget_usd, wish.fault) == (2, 20.0, "")
    assert wish.body == "### What is to be changed\n\nUse httpx.\n\n### Anything else\n\nNo."


@pytest.mark.parametrize(
    ("body", "repositories", "parts"),
    [
        ("repositories: octo/cat, octo/dog\nbudget: 5", ("octo/cat", "octo/dog"), ()),
        ("**Repositories:** octo/cat\nbudget: 5", ("octo/cat",), ()),
        ("Parts:\n- src/a tests/a\n- src/b\nbudget: 5", (), ("src/a tests/a", "src/b")),
        ("parts: `src/a`, `src/b`\nbudget: 5", (), ("src/a", "src/b")),
        ("repositories: octo/*\nparts: api, web\nbudget: 5", ("octo/*",), ("api", "web")),
        ("repositories:\n\n- octo/cat\n- octo/cat\n\nMore words.\nbudget: 5", ("octo/cat",), ()),
    ],
)
def test_people_write_it_in_many_ways(body: str, repositories: tuple[str, ...], parts: tuple[str, ...]) -> None:
    wish = read(body)
    assert (wish.repositories, wish.parts, wish.budget_usd, wish.fault) == (repositories, parts, 5.0, "")


@pytest.mark.parametrize(
    "body",
    [
        "",
        "Rename `a` to `b`.",
        "The repositories are many, and our budget is small.",
        "parts: src/a\nbudget: $5",
        "See octo/cat, octo/dog.",
        "limit: 3\nbudget: $5",
    ],
)
def test_a_change_of_one_repository_is_no_campaign(body: str) -> None:
    assert wish_of(task(body=body)) is None


@pytest.mark.parametrize(
    ("body", "instructions", "fault", "at_fault"),
    [
        ("repositories: octo/cat", "", "no budget", ""),
        ("repositories: octo/cat\nbudget: much", "", "budget", "much"),
        ("repositories: octo/cat\nbudget: $0", "", "budget", "$0"),
        ("repositories: octo/cat\nbudget: $10001", "", "budget", "$10001"),
        ("repositories: octo/cat\nbudget: -5", "", "budget", "-5"),
        ("repositories: octo/cat\nbudget: 5\nlimit: 0", "", "limit", "0"),
        ("repositories: octo/cat\nbudget: 5\nlimit: 21", "", "limit", "21"),
        ("repositories: octo/cat\nbudget: 5\nlimit: many", "", "limit", "many"),
        ("repositories: octo/cat\nbudget: 5\nlimit: ²", "", "limit", "²"),
        ("repositories:\n- octo/cat\n- the dog\nbudget: 5", "", "entry", "the dog"),
        ("repositories:\n- ../../etc\nbudget: 5", "", "entry", "../../etc"),
        ("repositories: */*\nbudget: 5", "", "entry", "*/*"),
        ("repositories: " + ",".join(f"octo/c{n}" for n in range(101)) + "\nbudget: 5", "", "too many", "101"),
    ],
)
def test_what_cannot_be_used_is_told_by_its_words(body: str, instructions: str, fault: Fault, at_fault: str) -> None:
    wish = read(body, instructions)
    assert (wish.fault, wish.at_fault) == (fault, at_fault)


def test_what_stands_behind_the_command_counts_more() -> None:
    wish = read(LIST, "limit: 1, budget: $2.50")
    assert (wish.limit, wish.budget_usd, wish.fault) == (1, 2.5, "")


def test_each_part_in_each_repository() -> None:
    found = spots(["o/a", "o/b"], ["x", "y"])
    assert found[1:3] == [Spot(full_name="o/a", within="y"), Spot(full_name="o/b", within="x")]
    assert spots(["o/a"], []) == [Spot(full_name="o/a")]
    assert MOST_PARTS == 100
