"""Everything a node can touch that is not its state. Adapters implement these Protocols; nothing here does anything.

A `World` is built for one visit of one run: its forge knows the repository, its sandbox runs in the run's own work
tree, its minion has the budget, tools and prompt of the node.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from app.core.coverage import CoverageReader
from app.core.embeddings import Meaning, NoMeaning
from app.core.forge import Forge
from app.core.guards import Guards
from app.core.minion import Minion
from app.core.notary import NoNotary, Notary
from app.core.patience import Patience
from app.core.releases import NoReleases, Releases
from app.core.reviewer import NoReviewer, Reviewer
from app.core.sandbox import Sandbox
from app.core.schema import SchemaReader
from app.core.workspace import CleanTrees, Workspace


@dataclass(frozen=True)
class World:
    """Everything a node can touch that is not its state."""

    forge: Forge
    workspace: Workspace
    sandbox: Sandbox
    minion: Minion
    guards: Guards
    clean: CleanTrees
    page_url: str
    """The page of this run, for people."""
    marker: str
    """Hidden words by which everything that this run wrote on GitHub is found again."""
    now: Callable[[], datetime]
    """The time of day, with time zone."""
    coverage: CoverageReader | None = None
    """None where nobody reads reports of coverage."""
    schemas: SchemaReader | None = None
    """None where nobody holds settings against schemas."""
    patience: Patience = field(default_factory=Patience)
    """Of this installation; a repository may say something else."""
    reviewer: Reviewer = field(default_factory=NoReviewer)
    notary: Notary = field(default_factory=NoNotary)
    releases: Releases = field(default_factory=NoReleases)
    meaning: Meaning = field(default_factory=NoMeaning)
