"""What a repository says about itself before a run begins."""

from app.core.errors import ConfigError, NotFound
from app.core.forge import Forge
from app.core.places import ANY_NUMBER, MostOpen
from app.core.proposals import Reviewed
from app.core.repo_config import PATH, RepoConfig
from app.core.run import Run
from blueprints.steps.configuration import parsed


async def most_open_for(run: Run, forge: Forge) -> MostOpen:
    """How many pull requests may wait for review in the repository of a run, as it says itself."""
    if run.task.is_pull_request or not run.task.number:
        return ANY_NUMBER
    return await most_open(forge)


async def most_open(forge: Reviewed | Forge) -> MostOpen:
    """How many pull requests may wait for review, as a repository says itself."""
    return (await said_by(forge)).most_open


async def said_by(forge: Reviewed | Forge) -> RepoConfig:
    """What stands in its file; what cannot be read says nothing.

    Runs tell people what is wrong with the file, once they have begun.
    """
    try:
        return parsed(await forge.file(PATH, "HEAD"))
    except (NotFound, ConfigError):
        return RepoConfig()
