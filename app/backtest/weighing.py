"""Whether a pair tells good work from bad here, before any model is paid for it: by what its own tests say."""

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from app.adapters.local import LocalForge
from app.adapters.workspace.workspace import GitWorkspace
from app.backtest.pair import Pair, Past
from app.core.errors import MinionsError
from app.core.forge import Head
from app.core.repo_config import RepoConfig
from app.core.visible import visible
from app.core.wording.branch import branch_name
from app.core.workspace import CleanTree
from app.evaluation.trial import Ground, Problem, failing, short
from app.outside import Outside
from blueprints.steps.configuration import configuration

_REPOSITORY: Final = 1
"""All trials of a backtest are in one repository, and share its mirror, checkouts and set-ups."""
_NUMBER: Final = 1_000_000
"""First number of the trees in which pairs are weighed: none of a run's."""


class Weighed(BaseModel, frozen=True):
    """A pair, and how its trials are judged."""

    pair: Pair
    is_done: bool = False
    set_up: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    """The repository's own tests."""
    timeout_s: float = 0.0
    others: tuple[str, ...] = ()
    """Paths that the merged change touched besides tests."""

    @property
    def is_usable(self) -> bool:
        """Whether candidates can be tried at it."""
        return self.is_done and not self.pair.why_not


@dataclass(frozen=True)
class Scales:
    """Weighs pairs, and makes problems of those that can be used."""

    worker: Outside
    past: Past
    folder: Path
    """Where reports of runs are put."""

    async def weigh(self, weighed: Weighed, number: int) -> Weighed:
        """Say why a pair cannot be used, or how its trials are judged. `number` is its own alone, from 1."""
        if weighed.is_done:
            return weighed
        try:
            found = weighed if weighed.pair.why_not else await self._weighed(weighed.pair, _NUMBER + number)
        except MinionsError as error:
            found = _unusable(weighed.pair, f"could not be weighed: {error} {error.detail}")
        except (OSError, ValueError) as error:  # a path of its tests that leads outside, or cannot be written
            found = _unusable(weighed.pair, f"has tests that cannot be laid over a tree: {error}")
        return found.model_copy(update={"is_done": True})

    async def _weighed(self, pair: Pair, number: int) -> Weighed:
        work = await asyncio.to_thread(self.past.work, pair)
        if not work.tests:
            return _unusable(pair, "changes no tests")
        forge = LocalForge(self.past.clone, self.folder / "none.md")
        trees = self.worker.workspaces
        async with trees.clean(number, _REPOSITORY, lambda write: forge.remote(write=write)) as tree:
            await tree.check_out(pair.base)
            config = await configuration(tree)
            if why_not := await _cannot_begin(tree, config):
                return _unusable(pair, why_not)
            found = Weighed(
                pair=pair,
                set_up=config.setup or (),
                commands=config.test or (),
                timeout_s=config.test_timeout_s,
                others=tuple(map(visible, work.others)),
            )
            problem = await self.problem(found)
            if not await failing(CleanTree(tree, tree.sandbox), problem):
                return _unusable(pair, "has no test that fails without the rest of it")
        async with trees.clean(number, _REPOSITORY, lambda write: forge.remote(write=write)) as tree:
            await tree.check_out(pair.merged, set_up=found.set_up)
            if said := await failing(CleanTree(tree, tree.sandbox), replace(problem, hidden={})):
                return _unusable(pair, f"has tests that fail here with all of it: {short(said, end=True)}")
        return found

    async def problem(self, weighed: Weighed) -> Problem:
        """What a candidate is set, and judged by."""
        pair = weighed.pair
        work = await asyncio.to_thread(self.past.work, pair)

        async def open_ground(number: int) -> Ground:
            base = f"backtest/{number}"
            await asyncio.to_thread(self.past.branch_at, base, pair.base)
            forge = LocalForge(self.past.clone, self.folder / f"{number}.md")
            return Ground(forge, Head(branch=base, sha=pair.base), _REPOSITORY, branch_name(0, number))

        return Problem(
            name=pair.name,
            kind="merged",
            language="",
            text=pair.text,
            open=open_ground,
            commands=weighed.commands,
            hidden=work.tests,
            set_up=weighed.set_up,
            timeout_s=weighed.timeout_s,
        )


async def _cannot_begin(tree: GitWorkspace, config: RepoConfig) -> str:
    """Why no tests can be run at the base; empty if they can."""
    if not config.test:
        return "begins where no way to run tests is found"
    for result in await tree.sandbox.set_up(config.setup or (), timeout_s=config.setup_timeout_s):
        if not result.ok:
            return f"begins where the set-up fails: {short(f'{result.command}: {result.output}', end=True)}"
    return ""


def _unusable(pair: Pair, why_not: str) -> Weighed:
    return Weighed(pair=pair.model_copy(update={"why_not": short(why_not)}))
