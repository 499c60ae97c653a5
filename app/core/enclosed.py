"""What a pull request's text holds besides: figures of ours, and text of others that a reviewer wants to read."""

from pydantic import BaseModel


class Enclosed(BaseModel, frozen=True):
    """A piece that is folded below the evidence."""

    title: str
    """Ours, in plain words."""
    text: str = ""
    """What others wrote: shown between fences, as it stands."""
    said: str = ""
    """Ours, in Markdown."""
