"""What is said about the places of a migration."""

from collections.abc import Sequence
from typing import Final

from app.core.neutral import code
from app.core.repo_config import PATH

_MOST: Final = 5


def _listed(texts: Sequence[str]) -> str:
    shown = ", ".join(code(text) for text in texts[:_MOST])
    return f"{shown} and {len(texts) - _MOST} more" if len(texts) > _MOST else shown


def nothing_to_migrate(gone: Sequence[str], within: Sequence[str]) -> str:
    """What has to be gone is not there."""
    where = f"under {_listed(within)}" if within else "in this repository"
    return f"Nothing had to be changed: {_listed(gone)} stands nowhere {where} any more."


def too_many_files(files: int, most: int) -> str:
    """A change of all of these files would be stopped for its size, whatever is in it."""
    return (
        f"What has to be gone stands in {files:,} files, and one change may touch {most:,}. Say by lines `within:` and "
        f"`except:` which part comes first, make a campaign of it with `parts:`, or raise {code('max_files')} in "
        f"{code(PATH)}."
    )


def still_there(text: str) -> str:
    """A place that is left."""
    return f"{code(text)} has to be gone, and still stands here. Change this place, too."


def outside_of(within: Sequence[str]) -> str:
    """A file that somebody else's part of the migration changes, if anybody's."""
    return (
        f"It is not under {_listed(within)}, which is all that may change here. Bring it back as it was; if it cannot "
        f"be done without it, give up and say so."
    )


def not_searched(text: str, exit_code: int) -> str:
    """The command that looks for a text did not come to its end."""
    return (
        f"It cannot be told where {code(text)} stands: the search ended with {exit_code}. `grep` and `xargs` have to "
        f"be where commands run, and the search has two minutes."
    )
