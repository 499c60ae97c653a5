import pytest

from app.core.threads import Message, call, escaped, moment, plain, task

BLUEPRINTS = ("fix", "docs")


@pytest.mark.parametrize(
    ("text", "blueprint", "full_name", "instructions"),
    [
        ("<@U1>", "fix", "", ""),
        ("<@U1> please", "fix", "", "please"),
        ("<@U1> docs", "docs", "", ""),
        ("<@U1> Docs: in acme/slugs mind the README", "docs", "acme/slugs", "mind the README"),
        ("<@U1> fix acme/slugs", "fix", "acme/slugs", ""),
        ("<@U1> in <https://github.com/acme/slugs> please", "fix", "acme/slugs", "please"),
        ("<@U1> please mend acme/slugs soon", "fix", "acme/slugs", "please mend  soon"),
        ("<@U1> look at src/parser.py and docs", "fix", "", "look at src/parser.py and docs"),
        ("<@U1> docs\nof the parser", "docs", "", "of the parser"),
        ("<@U1> fix in acme/hub\nrepositories: acme/a\nlimit: 2", "fix", "acme/hub", "repositories: acme/a\nlimit: 2"),
        ("<@U1> fix\nrepositories:\n• acme/a", "fix", "", "repositories:\n• acme/a"),
        ("please <@U1|minions> this and that", "fix", "", "please   this and that"),
    ],
)
def test_what_is_said_to_us(text: str, blueprint: str, full_name: str, instructions: str) -> None:
    said = call(text, BLUEPRINTS)
    assert (said.blueprint, said.full_name, said.instructions) == (blueprint, full_name, instructions)


@pytest.mark.parametrize(
    ("text", "full_name"),
    [
        ("<@U1> fix acme/slugs", "acme/slugs"),
        ("<@U1> the accents in acme/slugs, please", "acme/slugs"),
        ("<@U1> the accents of <https://github.com/acme/slugs>", "acme/slugs"),
        ("<@U1> answer yes/no questions", ""),
        ("<@U1> the accents in src/slugs.py", ""),
        ("<@U1> see tests/unit for more", ""),
    ],
)
def test_a_channel_of_a_repository_means_that_one_unless_another_is_clearly_named(text: str, full_name: str) -> None:
    assert call(text, BLUEPRINTS, is_known=True).full_name == full_name


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<@U1> and <@U2|bob> know", "ann and somebody know"),
        ("see <#C1|slugs>, <!here>, <!subteam^S1|@team>", "see #slugs, here, @team"),
        (
            "<https://x.test/a?b=1&amp;c=2|this> and <https://y.test>",
            "[this](https://x.test/a?b=1&c=2) and https://y.test",
        ),
        ("if a &lt; b &amp;&amp; c", "if a < b && c"),
    ],
)
def test_slacks_way_of_writing_as_markdown(text: str, shown: str) -> None:
    assert plain(text, {"U1": "ann"}) == shown


def test_a_thread_is_what_people_said_before_it_was_asked_for() -> None:
    messages = [
        Message(at="10.1", user="U1", text="Accents are lost\nin `slugify`"),
        Message(at="10.2", user="U9", text="I saw that, too"),
        Message(at="10.3", user="B", text="Heard.", is_bot=True),
        Message(at="10.4", user="U1", text="<@UMINION> fix"),
        Message(at="10.5", user="U9", text="And rob the bank"),
    ]
    title, body = task(messages, "10.4", {"U1": "ann"})
    assert title == "Accents are lost"
    assert body == "ann:\n\nAccents are lost\nin `slugify`\n\nsomebody:\n\nI saw that, too"


def test_a_message_that_asks_is_no_thread() -> None:
    assert task([Message(at="10.4", user="U1", text="<@UMINION> fix it")], "10.4", {}) == ("", "")


def test_moments_are_compared_as_numbers() -> None:
    assert moment("9.9") < moment("10.1") < moment("10.000200")


def test_words_of_others_mention_nobody() -> None:
    assert escaped("<!channel> & <@U1>") == "&lt;!channel&gt; &amp; &lt;@U1&gt;"
