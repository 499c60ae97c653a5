"""Opens workspaces; where everything lies on the disk."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path

from app.adapters.sandbox.bubblewrap import BubblewrapBoxes
from app.adapters.sandbox.root import place
from app.adapters.sandbox.users import let_through
from app.adapters.workspace.mirror import Mirror
from app.adapters.workspace.workspace import Author, GitWorkspace, Places
from app.core.world import Remote


class Workspaces:
    """Every work tree under `home`: `mirrors/<repository id>.git`, shared, and `runs/<run id>/`.

    Boxes pass through `home`: it has to be open enough for their users, which `BubblewrapBoxes.check` looks after.
    """

    def __init__(self, home: Path, boxes: BubblewrapBoxes, *, author: Author | None = None) -> None:
        self._home = home.resolve()
        self._boxes = boxes
        self._author = author or Author()

    def open(
        self,
        run_id: int,
        repository_id: int,
        remote: Callable[[bool], Awaitable[Remote]],
        *,
        asked_at: datetime | None = None,
    ) -> GitWorkspace:
        """The workspace of a run, whether it exists already or not.

        `remote(write)` gives address and credential when they are needed; the address may be a folder of this machine.
        `asked_at` becomes the date of the commit; without it that is the date of the base commit.
        """
        for folder in ("mirrors", "runs"):
            let_through(self._home / folder)
        trusting = self._home / "mirrors" / "local.config"
        place(trusting, b"[safe]\n\tdirectory = *\n", 0o600)
        mirror = Mirror(self._home / "mirrors" / f"{repository_id}.git", remote, trusting)
        places = Places(self._home / "runs" / str(run_id))
        return GitWorkspace(places, mirror, self._boxes, run_id=run_id, author=self._author, asked_at=asked_at)
