"""How several processes share the tests. Those of one file stay together, for what they share takes long to start."""

from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

FIRST: Final = (
    *("tests/crash/", "tests/stories/", "tests/hostile/", "tests/injection/", "tests/chaos/"),
    "tests/browser/",
    *("tests/backtest/", "tests/evaluation/", "tests/gates/", "tests/real_input/", "tests/contracts/"),
)
"""Where files take long: they come first, so that nobody works alone in the end."""


class LongOnesFirst(LoadFileScheduling):
    """Hands out the tests of one file after the other to whoever is about to have none left."""

    def _assign_work_unit(self, node: WorkerController) -> None:
        self.workqueue.move_to_end(min(self.workqueue, key=_turn), last=False)
        super()._assign_work_unit(node)


def _turn(file: str) -> int:
    return next((turn for turn, folder in enumerate(FIRST) if file.startswith(folder)), len(FIRST))


PUT_AWAY_S: Final = 60.0
"""A server may take 30 s to stop, and so may a container engine."""


def let_put_away(workers: Iterable[WorkerController]) -> None:
    """After Ctrl-C, which every process hears: wait until they have stopped what they started.

    pytest-xdist itself gives them 5 s, then interrupts them once more, and kills them.
    """
    for worker in workers:
        with suppress(worker.channel.RemoteError, worker.channel.TimeoutError):
            worker.channel.waitclose(PUT_AWAY_S)
