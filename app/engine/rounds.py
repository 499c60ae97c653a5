"""Looks that are made again and again beside the runs, for as long as a worker works."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from app.core.errors import ForgeError, RateLimited
from app.core.store import StoreDown

_log = logging.getLogger(__name__)


async def keep(
    look: Callable[[], Awaitable[object]],
    what: str,
    every_s: float,
    *,
    trouble_s: float | None = None,
    soon_s: float | None = None,
) -> None:
    """Look at once and then every so many seconds, until cancelled. `what` is told of a look that could not be made.

    After trouble with GitHub or the database the next one comes after `trouble_s`, where that is another pause, and
    never before GitHub's limit allows it. With `soon_s`, a look that answers with something true is made anew so soon.
    """
    while True:
        pause_s = every_s
        try:
            if await look() and soon_s is not None:
                pause_s = soon_s
        except RateLimited as error:
            pause_s = max(every_s, error.retry_after_s)
            _log.info("%s is put off: %s", what, error)
        except (ForgeError, StoreDown) as error:
            pause_s = every_s if trouble_s is None else trouble_s
            _log.info("%s is put off: %s", what, error)
        except Exception:  # an outermost edge: runs go on, whatever is wrong here
            _log.exception("%s broke", what)
        await asyncio.sleep(pause_s)
