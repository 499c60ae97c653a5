"""That there is more to be reviewed than people get round to: who waits, and what nobody looked at for long."""

from datetime import UTC, datetime

from app.core.places import Turn
from app.core.wording.figures import counted


def in_line(turn: Turn) -> str:
    """Which place a run has, as "3rd of 7 in line"."""
    return f"{_ordinal(turn.at)} of {turn.of} in line"


def waits_for_reviews(turn: Turn) -> str:
    """Why a run waits until somebody has reviewed something."""
    pulls = f"{counted(turn.open, 'pull request')} of minions"
    wait = "waits for review" if turn.open == 1 else "wait for review"
    waiting = f"{pulls} {wait} here"
    if turn.whose == "requester":
        waiting = f"{pulls} that the same person asked for {wait}"
    coming = ""
    if turn.coming:
        coming = f" and {counted(turn.coming, 'run')} {'is' if turn.coming == 1 else 'are'} at work on more"
    return (
        f"{_ordinal(turn.at)} of {turn.of}; {waiting}{coming}, at most {turn.most}. "
        f"It begins by itself when one of them is merged or closed."
    )


def _ordinal(number: int) -> str:
    """As "1st", "2nd", "3rd", "11th"."""
    endings = {1: "st", 2: "nd", 3: "rd"}
    is_teen = number % 100 in {11, 12, 13}
    return f"{number}{'th' if is_teen else endings.get(number % 10, 'th')}"


def quiet_marker(number: int, since: datetime, *, is_over: bool = False) -> str:
    """By which our word about one time of quiet is found again: whoever ends that begins another one."""
    what = "stale" if is_over else "quiet"
    return f"<!-- minions:{what}={number}/{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ} -->"


def says_stale(comment: str) -> bool:
    """Whether a comment of ours says that a pull request is closed because nobody looked at it."""
    return "<!-- minions:stale=" in comment


def soon_closed(since: datetime, now: datetime, end: datetime) -> str:
    """A pull request is about to be closed, because nobody looks at it."""
    return (
        f"Nobody has said or changed anything here for {counted((now - since).days, 'day')}. If that stays so, this "
        f"pull request is closed on {end.astimezone(UTC):%Y-%m-%d}, to make room for others. A comment, a review or a "
        f"commit keeps it open."
    )


def closed_as_stale(since: datetime, now: datetime) -> str:
    """It is."""
    return (
        f"Nobody has said or changed anything here for {counted((now - since).days, 'day')}, so this pull request is "
        f"closed. Its branch stays. If the work is still wanted, comment `/minion retry`: it is done anew, on what is "
        f"newest then. To have this very change, reopen the pull request."
    )
