"""How much of a model's context a text takes, without asking the model."""

from typing import Final

CHARACTERS: Final = 4
"""Characters of a token: the rule of thumb of https://help.openai.com/en/articles/4936856. Code has fewer."""


def tokens(text: str) -> int:
    """About so many tokens; 0 only for nothing."""
    return -(-len(text) // CHARACTERS)
