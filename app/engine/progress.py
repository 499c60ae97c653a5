"""Tell on GitHub how far a run is: a reaction at once, one comment edited in place, a check run with a row a node.

GitHub hangs check runs on commits, so the run's branch begins with one empty commit; publishing replaces it. When the
branch has moved, the check run of the new commit carries all rows on, and the old one is closed.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

from app.core import wording
from app.core.blueprint import Blueprint
from app.core.errors import Conflict, Denied, ForgeError, Locked, NotFound, Suspended
from app.core.forge import Forge, Reaction
from app.core.run import Run, Status

_log = logging.getLogger(__name__)

Save = Callable[[Run], Awaitable[Run]]
_FINAL_WORD: Final = {Status.DONE: Reaction.ROCKET, Status.FAILED: Reaction.CONFUSED}


class Progress:
    """What people see of runs on GitHub."""

    def __init__(self, page_url: Callable[[Run], str], clock: Callable[[], float], *, interval_s: float) -> None:
        """`interval_s` is the least time between two edits of one run's progress, in seconds of `clock`."""
        self._page_url = page_url
        self._clock = clock
        self._interval_s = interval_s
        self._told: dict[int, tuple[float, str]] = {}

    async def begin(self, run: Run, blueprint: Blueprint[Any], forge: Forge, save: Save) -> Run:
        """👀, the branch with its first commit, the check run, the comment; answer with where they are.

        Each is find-or-create. The base is saved before anything hangs on it: after a crash the branch must be found
        on the base it was made on, whatever was merged meanwhile.
        """
        task, trail = run.task, run.trail
        await self._react(run, forge, Reaction.EYES)
        if not trail.base_sha:
            head = await forge.default_head()
            branch = wording.branch_name(task.number, run.id)
            where = {"base_branch": head.branch, "base_sha": head.sha, "branch": branch}
            trail = trail.model_copy(update=where)
            run = await save(run.model_copy(update={"trail": trail}))
        if not trail.head_sha:
            sha = await forge.find_or_create_branch(
                trail.branch, base_sha=trail.base_sha, message=wording.marker_commit_message(task.number)
            )
            run = run.model_copy(update={"trail": trail.model_copy(update={"head_sha": sha})})
        return await self.tell(run, blueprint, forge, now=True)

    async def restart(self, run: Run, forge: Forge, save: Save) -> Run:
        """Have the branch of a run that waited begin at what is newest now: days may have passed."""
        head, trail = await forge.default_head(), run.trail
        moved: dict[str, object] = {"turn": None}
        if head.sha != trail.base_sha:
            message = wording.marker_commit_message(run.task.number)
            sha = await forge.restart_branch(trail.branch, base_sha=head.sha, message=message)
            moved |= {"base_branch": head.branch, "base_sha": head.sha, "head_sha": sha}
        return await save(run.model_copy(update={"trail": trail.model_copy(update=moved)}))

    async def hold(self, run: Run, forge: Forge) -> None:
        """👀 for a run that has to wait for a place among others at work: who asked sees that it was heard."""
        await self._react(run, forge, Reaction.EYES)

    async def tell(self, run: Run, blueprint: Blueprint[Any], forge: Forge, *, now: bool = False) -> Run:
        """Bring check run and comment up to date, if something changed and the last edit is long enough ago."""
        text = wording.comment(run, blueprint, self._page_url(run))
        told_at, told = self._told.get(run.id, (float("-inf"), ""))
        if not now and (text == told or self._clock() - told_at < self._interval_s):
            return run
        trail = run.trail
        if trail.head_sha:
            check = wording.check(run, blueprint, self._page_url(run))
            moved = trail.check_id is not None and trail.check_sha != trail.head_sha
            old_id, old_sha = trail.check_id, trail.check_sha
            check_id = await forge.put_check(trail.head_sha, check, check_id=None if moved else trail.check_id)
            trail = trail.model_copy(update={"check_id": check_id, "check_sha": trail.head_sha})
            if moved:
                await forge.put_check(old_sha, wording.moved(check, trail.head_sha), check_id=old_id)
        try:
            number = run.task.number
            comment_id = await forge.put_comment(number, wording.marker(run), text, comment_id=trail.comment_id)
            trail = trail.model_copy(update={"comment_id": comment_id})
        except Locked as error:
            _log.info("Run %s: only its check run and its page tell of it: %s", run.id, error)
        self._told[run.id] = (self._clock(), text)
        return run.model_copy(update={"trail": trail})

    async def refuse(self, run: Run, forge: Forge, *, openly: bool) -> None:
        """Say why a run does not start: in a comment, or by a mere reaction to somebody who may not ask for one."""
        if openly:
            text = wording.refusal(run)
            await forge.put_comment(run.task.number, wording.marker(run), text, comment_id=run.trail.comment_id)
        else:
            await self._react(run, forge, Reaction.NO)

    async def end(self, run: Run, blueprint: Blueprint[Any], forge: Forge) -> Run:
        """Tell how it ended. What GitHub does not let us say any more is logged, not tried for ever."""
        try:
            run = await self.tell(run, blueprint, forge, now=True)
            if word := _FINAL_WORD.get(run.status):
                has_result = bool(run.trail.pull_request_number) and run.trail.checks != "red"
                await self._react(run, forge, word if has_result else Reaction.CONFUSED)
        except (NotFound, Denied, Suspended, Conflict) as error:
            _log.warning("Run %s: its end cannot be told on GitHub: %s", run.id, error)
        self._told.pop(run.id, None)
        return run

    async def _react(self, run: Run, forge: Forge, reaction: Reaction) -> None:
        try:
            await forge.react(run.task.number, run.task.place, reaction)
        except Locked as error:
            _log.info("Run %s: no reaction: %s", run.id, error)

    async def try_to_tell(self, run: Run, blueprint: Blueprint[Any], forge: Forge, *, now: bool = False) -> Run:
        """As `tell`, but progress that cannot be told does not stop the work."""
        try:
            return await self.tell(run, blueprint, forge, now=now)
        except ForgeError as error:
            _log.info("Run %s: progress not told: %s", run.id, error)
            return run
