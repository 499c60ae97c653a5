"""The overview: runs that can be looked for, and figures about them, to be read and to be taken along."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import ValidationError

from app.core.figures import BY, DEFINITIONS, MOST_LISTED, OUTCOMES, Figures, Group, Listed, Overview, Wanted
from app.web.access import TurnedAway, Visitor
from app.web.html import HEADERS
from app.web.pages import Pages

_MOST_RUNS: Final = 10_000
"""In one file."""
_MOST_WEEKS: Final = 26
"""In the chart."""
_SPANS: Final = ((4, "4 weeks"), (12, "12 weeks"), (52, "a year"), (0, "all time"))
_SHARES: Final = ("usd_per_merged", "share_green", "satisfaction")
"""What is made of the other figures of a group."""
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What makes a spreadsheet run a text; the last four are the first in full width.
https://owasp.org/www-community/attacks/CSV_Injection"""
_TAKEN: Final = [name for name in Listed.model_fields if name != "key"]
"""What is told of a run where runs are taken along: whoever has the key of its page need not be who took them."""


class OverviewPages:
    """The pages about many runs."""

    def __init__(self, figures: Figures, pages: Pages) -> None:
        self._figures = figures
        self._pages = pages

    def router(self) -> APIRouter:
        """The routes."""
        router = APIRouter(include_in_schema=False)
        for path, page in (
            ("/overview", self.overview),
            ("/overview/figures.csv", self.figures_csv),
            ("/overview/figures.json", self.figures_json),
            ("/overview/runs.csv", self.runs_csv),
            ("/overview/runs.json", self.runs_json),
        ):
            router.add_route(path, self._pages.guarded(page), methods=["GET"], include_in_schema=False)
        return router

    async def overview(self, request: Request, visitor: Visitor) -> Response:
        """Everything on one page."""
        wanted = _wanted(request)
        found = await self._figures.overview(wanted, visitor.readable)
        query = {name: value for name, value in wanted.model_dump().items() if name != "page"}
        return self._pages.paper.page(
            "overview.html",
            wanted=wanted,
            visitor=visitor,
            found=found,
            runs=found.runs[:MOST_LISTED],
            has_more=len(found.runs) > MOST_LISTED,
            total=found.by("all")[0] if found.by("all") else None,
            kinds=BY,
            definitions=DEFINITIONS,
            outcomes=OUTCOMES,
            spans=_SPANS,
            query=urlencode(query),
            weeks=bars(found),
            most_taken=_MOST_RUNS,
        )

    async def figures_csv(self, request: Request, visitor: Visitor) -> Response:
        """The figures as a table of every group."""
        found = await self._figures.overview(_wanted(request), visitor.readable)
        heads = [*Group.model_fields, *_SHARES]
        rows = ([getattr(group, head) for head in heads] for group in found.groups)
        return _csv("minions-figures.csv", heads, rows)

    async def figures_json(self, request: Request, visitor: Visitor) -> Response:
        """The same, with what each figure means."""
        wanted = _wanted(request)
        found = await self._figures.overview(wanted, visitor.readable)
        body = {
            "wanted": wanted.model_dump(exclude={"page"}),
            "definitions": {column: one.meaning for one in DEFINITIONS for column in one.columns},
            "groups": [group.model_dump() | {name: getattr(group, name) for name in _SHARES} for group in found.groups],
            "causes": [cause.model_dump(exclude={"examples"}) for cause in found.causes],
        }
        return JSONResponse(body, headers=HEADERS)

    async def runs_csv(self, request: Request, visitor: Visitor) -> Response:
        """The runs that were looked for, the newest first."""
        rows = [list(row.values()) for row in await self._taken(_wanted(request), visitor)]
        return _csv("minions-runs.csv", _TAKEN, rows)

    async def runs_json(self, request: Request, visitor: Visitor) -> Response:
        """The same for programs."""
        wanted = _wanted(request)
        body = {"wanted": wanted.model_dump(exclude={"page"}), "runs": await self._taken(wanted, visitor)}
        return JSONResponse(body, headers=HEADERS)

    async def _taken(self, wanted: Wanted, visitor: Visitor) -> list[dict[str, Any]]:
        """All of them rather than one page."""
        all_of_it = wanted.model_copy(update={"page": 1})
        runs = await self._figures.listed(all_of_it, visitor.readable, _MOST_RUNS)
        return [{name: one for name, one in run.model_dump(mode="json").items() if name in _TAKEN} for run in runs]


def bars(found: Overview) -> list[dict[str, Any]]:
    """The weeks of the chart, the oldest first: heights from 0 to 100 of what the greatest week has."""
    weeks = sorted(found.by("week"), key=lambda group: group.name)[-_MOST_WEEKS:]
    most = max((week.opened for week in weeks), default=0) or 1
    return [
        {
            "week": week.name,
            "opened": week.opened,
            "merged": week.merged,
            "high": round(100 * week.opened / most, 1),
            "high_merged": round(100 * min(week.merged, week.opened) / most, 1),
        }
        for week in weeks
    ]


def _wanted(request: Request) -> Wanted:
    said = {name: _plain(value) for name, value in request.query_params.items() if _plain(value)}
    try:
        wanted = Wanted.model_validate({name: said[name] for name in Wanted.model_fields if name in said})
    except ValidationError:
        raise TurnedAway("The address asks for something that there is not.", status=400) from None
    return wanted.model_copy(
        update={"page": min(max(wanted.page, 1), 100_000), "weeks": min(max(wanted.weeks, 0), 1_000)}
    )


def _plain(value: str) -> str:
    """What somebody may look for: one line of letters."""
    return "".join(letter for letter in value if letter.isprintable()).strip()[:200]


def _csv(name: str, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(heads)
    writer.writerows([_cell(value) for value in row] for row in rows)
    headers = HEADERS | {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(written.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def _cell(value: object) -> object:
    """A title may be anybody's words: none of them is to be run by a spreadsheet."""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return "" if value is None else value
