"""Whose turn it is at an installation, for all workers that share a database. One statement an answer, on its clock."""

import contextlib
import logging
import secrets
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.adapters.store.reachable import reachable
from app.core.pace import CREATIONS_PER_MINUTE, NOTIFYING, Allowance, told_to_stop, too_far
from app.core.store import StoreDown

_log = logging.getLogger(__name__)

_LAPSE_S: Final = 30.0
"""Seconds that a place is held: GitHub cuts a request after 10, and a read is made three times at most. Where it takes
longer after all, one call more is made at a time, which does no harm."""

# The times that a row holds are later than those of the statement that finds it locked, and reads it then anew.
_STOPPED: Final = """
    SELECT max(extract(epoch FROM stopped_until - now())) FROM paces
    WHERE app_id = :app_id AND installation_id = :installation_id
"""
_ENTER: Final = text(f"""
    WITH stopped AS MATERIALIZED ({_STOPPED} AND stopped_until > now()),
    taken AS (
        INSERT INTO places AS place (app_id, installation_id, number, holder, lapses_at)
        SELECT :app_id, :installation_id, number, :holder, now() + make_interval(secs => :lapse_s)
        FROM generate_series(1, :calls_at_once) AS number
        WHERE (SELECT max FROM stopped) IS NULL AND NOT EXISTS (
            SELECT FROM places WHERE app_id = :app_id AND installation_id = :installation_id
            AND places.number = number.number AND lapses_at > now()
        )
        ORDER BY random() LIMIT 1
        ON CONFLICT (app_id, installation_id, number)
        DO UPDATE SET holder = excluded.holder, lapses_at = excluded.lapses_at WHERE place.lapses_at <= now()
        RETURNING number
    )
    SELECT (SELECT max FROM stopped) AS stopped_s, (SELECT number FROM taken) AS number
""")  # noqa: S608 - no value is in it
_LEAVE: Final = text("""
    UPDATE places SET lapses_at = now()
    WHERE app_id = :app_id AND installation_id = :installation_id AND number = :number AND holder = :holder
""")
_AT: Final = """
    greatest(
        now(),
        paces.next_write_at,
        CASE WHEN :notifies THEN paces.next_notification_at END,
        CASE WHEN :creates THEN paces.creations[cardinality(paces.creations) + 1 - :per_minute] + interval '1 min' END,
        CASE WHEN :creates THEN paces.creations[cardinality(paces.creations) + 1 - :per_hour] + interval '1 hour' END
    )
"""
"""When the next write may begin, from the row as it is: a number below the first of an array gives nothing."""
_RESERVE: Final = text(f"""
    INSERT INTO paces (app_id, installation_id, next_write_at, next_notification_at, creations)
    VALUES (
        :app_id, :installation_id, now() + make_interval(secs => :spacing_s),
        CASE WHEN :notifies THEN now() + make_interval(secs => :notifying_s) END,
        CASE WHEN :creates THEN ARRAY[now()] ELSE ARRAY[]::timestamptz[] END
    )
    ON CONFLICT (app_id, installation_id) DO UPDATE SET
        next_write_at = {_AT} + make_interval(secs => :spacing_s),
        next_notification_at = CASE WHEN :notifies THEN {_AT} + make_interval(secs => :notifying_s)
            ELSE paces.next_notification_at END,
        creations = CASE WHEN :creates
            THEN (paces.creations || {_AT})[greatest(cardinality(paces.creations) - :remembered + 2, 1):]
            ELSE paces.creations END
    WHERE coalesce(paces.stopped_until <= now(), true) AND {_AT} <= now() + make_interval(secs => :within_s)
    RETURNING extract(epoch FROM next_write_at - now()) - :spacing_s
""")  # noqa: S608 - no value is in it
_WHY_NOT: Final = text(f"""
    SELECT extract(epoch FROM stopped_until - now()) AS stopped_s, extract(epoch FROM {_AT} - now()) AS away_s
    FROM paces WHERE app_id = :app_id AND installation_id = :installation_id
""")  # noqa: S608 - no value is in it
_CHECK: Final = text(_STOPPED)
_STOP: Final = text("""
    INSERT INTO paces (app_id, installation_id, stopped_until)
    VALUES (:app_id, :installation_id, now() + make_interval(secs => :seconds))
    ON CONFLICT (app_id, installation_id) DO UPDATE
    SET stopped_until = greatest(paces.stopped_until, excluded.stopped_until)
""")


class PostgresTurns:
    """`Turns` of one installation, or of the App itself, on PostgreSQL."""

    def __init__(
        self, engine: AsyncEngine, app_id: str, installation_id: int, allowance: Allowance, *, lapse_s: float = _LAPSE_S
    ) -> None:
        # Each answer is one statement, so no transaction is begun and ended around it.
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._allowance = allowance
        self._who = {"app_id": app_id, "installation_id": installation_id}
        self._lapse_s = lapse_s

    async def enter(self) -> str:
        """As `Turns` says."""
        holder = secrets.token_hex(8)
        found = await self._one(
            _ENTER, holder=holder, lapse_s=self._lapse_s, calls_at_once=self._allowance.calls_at_once
        )
        if found.stopped_s is not None:
            raise told_to_stop(float(found.stopped_s))
        return "" if found.number is None else f"{found.number} {holder}"

    async def leave(self, place: str) -> None:
        """As `Turns` says. Where the database is away, the place lapses."""
        number, _, holder = place.partition(" ")
        with contextlib.suppress(StoreDown):
            async with reachable(), self._engine.connect() as connection:
                await connection.execute(_LEAVE, self._who | {"number": int(number), "holder": holder})

    async def reserve(self, *, notifies: bool, creates: bool, within_s: float) -> float:
        """As `Turns` says."""
        allowance = self._allowance
        wish = {
            "notifies": notifies,
            "creates": creates,
            "within_s": within_s,
            "spacing_s": allowance.write_spacing_s,
            "notifying_s": allowance.write_spacing_s * NOTIFYING,
            "per_minute": CREATIONS_PER_MINUTE,
            "per_hour": allowance.creations_per_hour,
            "remembered": max(CREATIONS_PER_MINUTE, allowance.creations_per_hour),
        }
        found = await self._one(_RESERVE, **wish)
        if found is None:
            why = await self._one(_WHY_NOT, **wish)
            if why.stopped_s is not None and why.stopped_s > 0:
                raise told_to_stop(float(why.stopped_s))
            raise too_far(float(why.away_s))
        return float(found[0])

    async def check(self) -> None:
        """As `Turns` says."""
        left_s = (await self._one(_CHECK))[0]
        if left_s is not None and left_s > 0:
            raise told_to_stop(float(left_s))

    async def stop(self, seconds: float) -> None:
        """As `Turns` says."""
        async with reachable(), self._engine.connect() as connection:
            await connection.execute(_STOP, self._who | {"seconds": seconds})

    async def _one(self, statement: Any, **values: object) -> Any:
        async with reachable(), self._engine.connect() as connection:
            return (await connection.execute(statement, self._who | values)).one_or_none()
