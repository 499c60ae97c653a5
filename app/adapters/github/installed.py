"""Where the App is installed, by what GitHub says now."""

from collections.abc import Sequence

from app.adapters.github.app import App
from app.core.errors import NotFound, Unavailable
from app.core.installations import Listed

_NONE = "404: Not Found"
"""GitHub's own words for what is not there: what stands between may say 404, too, in others, or in none."""


class GitHubInstalled:
    """`Installed` on GitHub."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def listed(self) -> Sequence[Listed]:
        """Every installation, suspended ones included."""
        return [
            Listed(
                id=one.id,
                account=one.account.login if one.account else "",
                is_suspended=one.suspended_at is not None,
            )
            for one in await self._app.installations()
        ]

    async def is_gone(self, installation_id: int) -> bool:
        """Whether GitHub itself says that this App has no such installation."""
        doing = "look whether the App is still installed"
        try:
            await self._app.ask("GET", f"/app/installations/{installation_id}", doing)
        except NotFound as error:
            if error.detail != _NONE:
                raise Unavailable("GitHub's answer cannot be read.", detail=error.detail) from None
            return True
        return False
