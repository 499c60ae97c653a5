"""What is wrong with a repository's `.github/minion.yml`, told in an issue while no run is there that would say so."""

import hashlib
from dataclasses import dataclass
from typing import Final

from app.core.hidden import one_line
from app.core.neutral import code, fitted, neutral
from app.core.repo_config import PATH, Schedule
from app.core.requests import Wanted

_BODY: Final = 20_000
"""Characters: what is wrong is told in fewer, unless somebody tries how long it may get."""


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong."""

    title: str
    """Of the issue."""
    why: str
    """Sentences for people, in which others may have written."""


def file_fault(why: str) -> Fault:
    """The file cannot be used at all."""
    more = "Until that is mended nothing begins by the clock here, and every run ends with that sentence."
    return Fault(f"{PATH} cannot be used", f"{why}\n\n{more}")


def never_comes(schedule: Schedule) -> Fault:
    """Its `cron` is no time, or one that no calendar has."""
    why = (
        f"{PATH} wants {code(one_line(schedule.title))} at {code(schedule.cron)}, and that is no time that ever comes. "
        "It takes minute, hour, day of the month, month and day of the week, in UTC, such as `30 3 * * mon`. Until "
        "that is mended, this one does not begin; what else the file wants does."
    )
    return Fault(f"A schedule in {PATH} has no time that comes", why)


def not_begun(wanted: Wanted, why: str) -> Fault:
    """What a schedule asked for was refused when its time had come."""
    asked = f"{PATH} wants {code(one_line(wanted.title))} at {code(wanted.source)}, and it was due"
    return Fault(f"A schedule in {PATH} could not begin", f"{why}\n\n{asked}. What else the file wants is not touched.")


def fault_body(fault: Fault) -> str:
    """The issue that tells of it."""
    how = (
        "Close this issue when it is mended. While it is not, the same is told again in another issue after 30 days, "
        "and not before."
    )
    return f"{fitted(neutral(fault.why), _BODY)}\n\n<sub>{how}</sub>"


def fault_marker(full_name: str, fault: Fault) -> str:
    """By which an issue about the same is found again."""
    said = f"{full_name.lower()}\n{fault.title}\n{fault.why}"
    return f"<!-- minions:fault={hashlib.sha256(said.encode()).hexdigest()[:24]} -->"
