"""Ask for what is due by the clock. Each time is one request with a word of its own, so it comes once, whoever looks.

A repository's file is read when its default branch moved, and once a day. Between two looks nothing is kept in mind:
the last time that a schedule was due follows from the clock, and whether it was taken is known by its word.
"""

import hashlib
import logging
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from croniter import CroniterBadDateError, croniter

from app.core import wording
from app.core.errors import ConfigError, ForgeError, MinionsError, NotFound, RateLimited, Unavailable
from app.core.repo_config import RepoConfig, Schedule
from app.core.requests import Differs, Requests, Wanted
from app.core.schedules import Entry, Everywhere, Timetable
from app.core.store import StoreDown
from app.core.task import Repository
from app.core.wording.faults import Fault
from app.engine import rounds

_log = logging.getLogger(__name__)

EVERY_S: Final = 30.0
"""Between two looks: what is due begins within a minute."""
_READ_AT_ONCE: Final = 50
"""Files read in one look, with a call each."""
_MOST_AWAY: Final = 3
"""Files that cannot be read: then it is GitHub, and not one of them."""
_LIST_EVERY: Final = timedelta(days=1)
LATE: Final = timedelta(days=1)
"""What was due while nobody was there is made up for this long, once: nobody wants the news of last week."""

_LOT: Final = re.compile(r"[HhRr](/.*)?")
"""How croniter is asked for any hour, or any day: https://github.com/pallets-eco/croniter#hashed-expressions"""

Read = Callable[[Repository], Awaitable[RepoConfig]]


class Schedules:
    """Looks until cancelled; among all workers one at a time."""

    def __init__(
        self,
        timetable: Timetable,
        requests: Requests,
        everywhere: Everywhere,
        read: Read,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        every_s: float = EVERY_S,
    ) -> None:
        """`read` says what a repository's file wants; it raises NotFound if there is none, and ConfigError."""
        self._timetable = timetable
        self._requests = requests
        self._everywhere = everywhere
        self._read = read
        self._now = now
        self._every_s = every_s
        self._listed_at: datetime | None = None

    async def look(self) -> None:
        """Look once. Raises RateLimited, Unavailable and StoreDown."""
        async with self._timetable.turn() as is_ours:
            if not is_ours:
                return
            await self._ask()  # first: it must not wait for what GitHub says about others
            await self._list()
            known = {repository.id: entries for repository, entries in await self._timetable.entries()}
            in_the_way = await self._read_all(known)
            await self._ask()
            if in_the_way:
                raise in_the_way

    async def _read_all(self, known: Mapping[int, Sequence[Entry]]) -> ForgeError | None:
        """Read what has to be read; answer with what was in the way somewhere, which holds up nobody else."""
        found: list[ForgeError] = []
        slowed_down: set[int] = set()
        for repository in await self._timetable.stale(_READ_AT_ONCE):
            if repository.installation_id in slowed_down:
                continue
            try:
                await self._read_again(repository, {one.digest: one for one in known.get(repository.id, ())})
            except RateLimited as error:
                slowed_down.add(repository.installation_id)
                found.append(error)
            except Unavailable as error:
                found.append(error)
                if len(found) >= _MOST_AWAY:
                    break
        return found[0] if found else None

    async def keep_looking(self) -> None:
        """Look until cancelled."""
        await rounds.keep(self.look, "Asking for what is due by the clock", self._every_s)

    async def _ask(self) -> None:
        for repository, entries in await self._timetable.entries():
            for entry in entries:
                at = due(entry, self._now())
                if at is not None:
                    wanted = _wanted(repository, entry.schedule)
                    await self._take(f"schedule/{repository.id}/{entry.digest}/{at.isoformat()}", wanted)

    async def _take(self, intent: str, wanted: Wanted) -> None:
        try:
            await self._requests.take(intent, wanted)
        except Differs:
            _log.debug("%s was kept before, under the repository's former name.", intent)

    async def _list(self) -> None:
        """Hear of repositories that were there before us."""
        if self._listed_at is not None and self._now() - self._listed_at < _LIST_EVERY:
            return
        await self._timetable.add([repository async for repository in self._everywhere.repositories()])
        self._listed_at = self._now()

    async def _read_again(self, repository: Repository, known: dict[str, Entry]) -> None:
        wanted, faults = list[Schedule](), list[Fault]()
        try:
            wanted, faults = sorted_out((await self._read(repository)).schedules, self._now())
        except (RateLimited, Unavailable, StoreDown):
            raise
        except NotFound:
            _log.debug("%s has no file of ours.", repository.full_name)
        except ConfigError as error:
            faults = [wording.file_fault(str(error))]
        except MinionsError as error:
            _log.warning("%s: nothing is scheduled: %s", repository.full_name, error)
        for fault in faults:
            await self._tell(repository, fault)
        entries = [Entry(schedule=schedule, since=self._now()) for schedule in wanted]
        await self._timetable.keep(repository, [known.get(one.digest, one) for one in entries])

    async def _tell(self, repository: Repository, fault: Fault) -> None:
        """Have the people of the repository told, where they look: once a day it is looked whether they were."""
        _log.warning("%s: %s %s", repository.full_name, fault.title, fault.why)
        said = hashlib.sha256(f"{fault.title}\n{fault.why}".encode()).hexdigest()[:16]
        wanted = Wanted(
            door="event", full_name=repository.full_name, title=fault.title, body=fault.why, blueprint="", login=""
        )
        await self._take(f"fault/{repository.id}/{said}/{self._now().date().isoformat()}", wanted)


def due(entry: Entry, now: datetime) -> datetime | None:
    """When the schedule was due last, if that is to be taken still. All times are UTC."""
    if not comes(entry.schedule.cron, now):  # kept by a program that did not look
        return None
    last: datetime = croniter(entry.schedule.cron, now + timedelta(seconds=1)).get_prev(datetime)
    return last if last > max(entry.since, now - LATE) else None


def sorted_out(schedules: Iterable[Schedule], now: datetime) -> tuple[list[Schedule], list[Fault]]:
    """Those that can be kept to, and what is wrong with the others."""
    usable, faults = list[Schedule](), list[Fault]()
    for schedule in schedules:
        if comes(schedule.cron, now):
            usable.append(schedule)
        else:
            faults.append(wording.never_comes(schedule))
    return usable, faults


def comes(cron: str, now: datetime) -> bool:
    """Whether these are times that come: not the 30th of February, and none that are drawn by lot at each look."""
    if any(_LOT.fullmatch(field) for field in cron.split()) or not croniter.is_valid(cron):
        return False
    try:
        croniter(cron, now).get_prev(datetime)
    except CroniterBadDateError:
        return False
    return True


def _wanted(repository: Repository, schedule: Schedule) -> Wanted:
    return Wanted(
        door="schedule",
        full_name=repository.full_name,
        title=schedule.title,
        body=schedule.body,
        blueprint=schedule.blueprint,
        login=schedule.login,
        source=schedule.cron,
    )
