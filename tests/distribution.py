"""Which tests stay in one process where several processes run them, and who begins with what."""

from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

TOGETHER: Final = {
    "tests/hostile/test_commands.py": "hostile",
    "tests/hostile/test_canaries.py": "hostile",
    "tests/stories/test_from_label_to_pull_request.py": "town",
    "tests/stories/test_recovery.py": "town",
    "tests/stories/test_secrets.py": "town",
    "tests/stories/test_warm.py": "town",
    "tests/crash/test_boundaries.py": "stage",
    "tests/crash/test_any_moment.py": "stage",
    "tests/crash/test_serve.py": "stage",
}
"""Files whose tests share what takes long to start, and what that is. Else the tests of each file stay together."""

FIRST: Final = ("hostile", "stage", "town")
"""The longest, the longest first: what begins last should be short, so that nobody works alone in the end."""


class Shares(LoadScopeScheduling):
    """Hands out shares of the tests, one after the other, to whoever is about to have none left."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return TOGETHER.get(file, file)

    def _assign_work_unit(self, node: WorkerController) -> None:
        first = next((share for share in FIRST if share in self.workqueue), None)
        if first:
            self.workqueue.move_to_end(first, last=False)
        super()._assign_work_unit(node)


PUT_AWAY_S: Final = 60.0
"""A server may take 30 s to stop, and so may a container engine."""


def let_put_away(workers: Iterable[WorkerController]) -> None:
    """After Ctrl-C, which every process hears: wait until they have stopped what they started.

    pytest-xdist itself gives them 5 s, then interrupts them once more, and kills them.
    """
    for worker in workers:
        with suppress(worker.channel.RemoteError, worker.channel.TimeoutError):
            worker.channel.waitclose(PUT_AWAY_S)
